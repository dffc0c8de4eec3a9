"""Our training beside plain recipes and beside what the machine can do."""

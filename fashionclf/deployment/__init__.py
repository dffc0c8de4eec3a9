"""Uses of a finished run: predict, search, demo, Python."""

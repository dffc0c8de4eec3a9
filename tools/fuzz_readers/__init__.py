"""Made-up annotation files for the readers, and what the readers should find in them."""

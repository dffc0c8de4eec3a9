"""Uses of a finished run: predict, search, export."""

"""What a finished run is used for: label, search, export."""

"""Files, locks, signals, processes: nothing here knows about garments."""

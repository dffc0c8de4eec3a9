"""Studies: what a choice of data or recipe gives, over several seeds."""

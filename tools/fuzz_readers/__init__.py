"""Made-up annotation files for the readers, and what the readers ought to say of them."""

"""What a model got right and wrong, in numbers and pictures."""

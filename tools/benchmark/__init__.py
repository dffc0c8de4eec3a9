"""Measurements of speed, growth and search, ours beside plain recipes and bare loops."""

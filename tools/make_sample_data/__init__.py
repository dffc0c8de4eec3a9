"""Draws a small shop of garments in DeepFashion's layout and file formats."""

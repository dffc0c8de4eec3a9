"""Counts how often the fast tests notice a small change of the code."""

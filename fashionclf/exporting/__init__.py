"""Writes models for other runtimes, and compares each with its run."""

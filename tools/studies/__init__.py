"""What the tools study_* share: one split for all runs of a study, its programs, its tables."""

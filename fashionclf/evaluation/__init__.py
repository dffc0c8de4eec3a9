"""Evaluation of a run on a split: scores, charts, errors, the report page and TensorBoard."""

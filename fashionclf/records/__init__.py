"""TFRecords: audited, written, verified, read as batches."""

"""A garment classifier: photographs in, audited records, a trained EfficientNetB0 out.

Nothing is imported here, so that floor 0 (catalogue, categories, splits, metrics)
loads without TensorFlow.
"""

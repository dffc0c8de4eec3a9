"""A garment classifier: photographs in, audited records, a trained EfficientNetB0 out.

Nothing is imported here, so that a program answers --help at once.
"""
__version__ = "0.1.0"

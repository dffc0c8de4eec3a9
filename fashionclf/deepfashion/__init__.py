"""DeepFashion for tensorflow-datasets; importing it makes the name "deepfashion" known there."""
from .deepfashion_dataset_builder import Builder  # relative: `tfds build DIR` has its own parent

__all__ = ["Builder"]

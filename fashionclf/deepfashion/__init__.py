"""DeepFashion for tensorflow-datasets; importing it registers the name "deepfashion" there."""
from .deepfashion_dataset_builder import Builder  # relative: `tfds build DIR` has its own parent

__all__ = ["Builder"]

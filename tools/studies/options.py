"""The flags that the studies share."""
from absl import flags

from fashionclf import cli

# Data
cli.path_flag("source_dir", None, "Folder in DeepFashion's layout, see build_tfrecords.")
flags.DEFINE_string("group_pattern", None, "Regular expression that names the group of a picture "
                    "by its path; a group stays on one side of the split (default: the item).")
flags.DEFINE_float("test_fraction", 0.2, "Share of the pictures in the test split.",
                   lower_bound=0.01, upper_bound=0.9)
flags.DEFINE_float("validation_fraction", 0.1, "Share of the pictures in the validation split.",
                   lower_bound=0.01, upper_bound=0.9)
# Training
cli.path_flag("recipe", "configs/slides_model2.cfg", "Flag file of train for every run.")
cli.path_flag("weights", "imagenet", "Initial weights of the trunk, see train.")
flags.DEFINE_integer("seeds", 3, "Number of random seeds, counted from 0.", lower_bound=1)
# Output
cli.path_flag("output", None, "Folder for records, runs and results.")

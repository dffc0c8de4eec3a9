"""A page in the browser to try a model on one picture at a time."""

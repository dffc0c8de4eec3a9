"""The two phases of a training: recipe, step, loop, cache, checkpoints."""

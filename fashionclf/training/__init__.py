"""Training in two phases: recipe, step, loop, trunk cache, checkpoints."""

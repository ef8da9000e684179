"""Training: recipe, loop, checkpoints, evaluation and report."""

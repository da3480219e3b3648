"""Training and inference: data in batches, the one loop, optimizers, checkpoints, run folders."""

"""Verbs of cnn-text, and what its `visualize` and `evaluate` add."""

"""Verbs of cnn-speech, and what its `visualize` and `evaluate` add."""

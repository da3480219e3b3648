"""The verbs of cnn-dream."""

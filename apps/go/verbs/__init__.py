"""Verbs of cnn-go."""

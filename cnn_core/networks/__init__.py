"""Trained networks by name: ready-made ones, and what other packages bring."""

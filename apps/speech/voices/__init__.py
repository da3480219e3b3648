"""Synthetic voices: engines, and data sets of spoken words."""

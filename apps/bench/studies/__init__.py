"""Comparative studies: one idea changed, over seeds, with a test of significance."""

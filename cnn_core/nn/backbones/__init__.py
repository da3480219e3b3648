"""Trained networks of others: one file for each family, and one for where their weights come from."""

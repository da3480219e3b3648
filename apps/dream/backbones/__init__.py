"""The networks: one file for each family, one for how their weights come, one for the user's own."""

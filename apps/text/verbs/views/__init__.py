"""What visualize shows of a text network."""

"""What `visualize` adds for digits."""

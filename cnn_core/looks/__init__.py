"""What `visualize` shows, one file each: look(app, run, options) -> Outcome."""

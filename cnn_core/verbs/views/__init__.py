"""What `visualize` shows, one file a view: view(app, run, options) -> Outcome."""

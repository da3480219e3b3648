"""What makes the lenses fast and changes no value: shortcuts, patches, buffers, threads, kept results."""

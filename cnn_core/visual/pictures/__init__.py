"""Arrays as pictures: sizes, colours, plots."""

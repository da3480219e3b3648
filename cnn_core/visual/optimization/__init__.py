"""Inputs found by gradient ascent: objectives, canvases, penalties, transforms, and the search itself."""

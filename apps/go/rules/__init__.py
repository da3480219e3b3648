"""The rules of Go on flat arrays: points, positions, ladders, symmetries, planes."""

"""Parts of the networks for texts."""

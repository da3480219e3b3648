"""The lecture's questions as a page: one network with three kinds of pooling and on shuffled pixels, optima, dreams."""

"""The whole lecture as one page: what convolution computes, and what a trained network has learned by it."""

"""The playground: a page in which people draw, play, speak or type and watch a trained network think."""

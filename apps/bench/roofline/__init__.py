"""The main jobs of the suite against what the machine can do (the roofline model, Williams et al. 2009)."""

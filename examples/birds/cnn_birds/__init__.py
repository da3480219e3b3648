"""Bird songs by species: an app of the suite in a package of its own."""

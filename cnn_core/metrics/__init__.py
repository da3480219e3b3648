"""What answers are worth: of classes that exclude one another, and of labels that are told by themselves."""

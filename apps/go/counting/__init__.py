"""Who owns what when a game is over, as a count and as something to learn."""

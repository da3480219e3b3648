"""How the ready-made networks are made: recipes, and the command that follows them."""

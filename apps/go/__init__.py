"""Go: which move would an expert play? A network without pooling, and a player that speaks GTP."""

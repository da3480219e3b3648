"""Players, opponents, the referee, and random games to the end."""

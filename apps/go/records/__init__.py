"""Game records: SGF, collections of games, and what training learns from them."""

"""Listening while the sound flows: where it comes from, how it is heard, what is done about each word."""

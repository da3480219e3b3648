"""Words in speech."""

"""review: labels that a network does not believe, looked at by a person and put right in a copy."""

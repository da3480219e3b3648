"""What cnn-photos does in its own way."""

"""Text in classes: sentences as images of word vectors."""

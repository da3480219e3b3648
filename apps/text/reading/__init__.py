"""Texts from files: formats, columns, tokenizers, splits."""

"""Colour pictures in classes."""

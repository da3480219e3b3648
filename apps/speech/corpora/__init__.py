"""Recordings in the layouts that people have."""

"""Verbs that measure networks beside one another or by their layers."""

"""Comparative benchmarks across the apps: `python -m apps.bench NAME`."""

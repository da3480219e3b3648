"""Data and weights from where they lie: manifests, sources in order, downloads, archives, the cache."""

"""How docs/ becomes a site: `make docs`. A file for each step, in the order of `__main__.py`."""

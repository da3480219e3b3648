"""The version of the suite, kept here alone, and those that a report of a fault should name.

pyproject.toml reads it from this file, `cnn_core.__version__` is it. Nothing is imported to find the others.
"""

import platform
from importlib.metadata import PackageNotFoundError, version

__version__ = "0.2.0"


def line(prog: str) -> str:
    """Version of the suite, of torch and of Python in one line."""
    return f"{prog} {__version__} (torch {_version('torch')}, Python {platform.python_version()})"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"

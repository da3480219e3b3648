"""The versions that a report of a fault should name; nothing is imported to find them."""

import platform
from importlib.metadata import PackageNotFoundError, version


def line(prog: str) -> str:
    """Version of the suite, of torch and of Python in one line."""
    return f"{prog} {_version('cnn-suite')} (torch {_version('torch')}, Python {platform.python_version()})"


def suite() -> str:
    """The version of the suite."""
    return _version("cnn-suite")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"

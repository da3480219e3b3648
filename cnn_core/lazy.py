"""Names of a package that are imported when they are first used: torch takes seconds, and --help has none."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def attach(package: str, home: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` (PEP 562) of `package`; `home` says which of its modules holds which names."""
    where = {name: module for module, names in home.items() for name in names.split()}

    def load(name: str) -> object:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{where[name]}"), name)
        setattr(sys.modules[package], name, value)  # found without this function from now on
        return value

    return load

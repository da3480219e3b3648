"""The versions with which the suite was tried, as constraints: `.venv/bin/python .ci/tried.py > constraints.txt`.

Only what pyproject.toml names is held; what these packages need in turn is theirs to say.
"""

import sys
from importlib import metadata

from lowest import named


def main() -> None:
    """One line for each package that is installed here."""
    lines = [f"# Versions tried together with Python {sys.version_info.major}.{sys.version_info.minor}; .ci/tried.py"]
    for name in sorted(named(), key=str.lower):
        try:
            version = metadata.version(name).partition("+")[0]  # without the build's own mark
        except metadata.PackageNotFoundError:
            continue
        lines.append(f"{name}=={version}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

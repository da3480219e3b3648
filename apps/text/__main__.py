"""The command cnn-text, also `python -m apps.text`."""

import sys

from apps.text.app import APP
from cnn_core.cli import run


def main() -> int:
    """Run the command line; the exit status."""
    return run(APP, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

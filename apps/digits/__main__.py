"""The command cnn-digits, also `python -m apps.digits`."""

import sys

from apps.digits.app import APP
from cnn_core.cli import run


def main() -> int:
    """Run the command line; the exit status."""
    return run(APP, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""The command cnn-dream, also `python -m apps.dream`."""

import sys

from apps.dream.app import APP
from cnn_core.cli import run


def main() -> int:
    """Run the command line; the exit status."""
    return run(APP, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""The command cnn-photos, also `python -m apps.photos`."""

import sys

from apps.photos.app import APP
from cnn_core.cli import run


def main() -> int:
    """Run the command line; the exit status."""
    return run(APP, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

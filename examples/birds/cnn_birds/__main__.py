"""The command cnn-birds, also `python -m cnn_birds`."""

import sys

from cnn_birds.app import APP
from cnn_core.cli import run


def main():
    """Run the command line; the exit status."""
    return run(APP, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

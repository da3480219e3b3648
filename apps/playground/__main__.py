"""The command cnn-playground, also `python -m apps.playground`."""

import sys

from cnn_core.app import Verb, VerbModule
from cnn_core.cli import Command, run


def _serve() -> VerbModule:
    from apps.playground import serve

    return serve


PLAYGROUND = Command(
    prog="cnn-playground",
    about="A page in which you draw and watch a network of your own think; nothing leaves this machine.",
    verbs={"serve": Verb("serve the page on this machine and open it in the browser", _serve)},
)
GENERAL = ("-h", "--help", "help", "--version", "--print-completion")


def main(args: list[str] | None = None) -> int:
    """Serve the page of the runs named; the exit status."""
    args = sys.argv[1:] if args is None else args
    return run(PLAYGROUND, args if args and args[0] in (*GENERAL, "serve") else ["serve", *args])


if __name__ == "__main__":
    sys.exit(main())

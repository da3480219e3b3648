"""The command cnn-playground, also `python -m apps.playground`."""

import sys

from cnn_core.app import Verb, VerbModule
from cnn_core.cli import Command, run


def _serve() -> VerbModule:
    from apps.playground import serve

    return serve


def _lecture() -> VerbModule:
    from apps.playground.lecture import command

    return command


PLAYGROUND = Command(
    prog="cnn-playground",
    about="A page in which you draw and watch a network of your own think; nothing leaves this machine.",
    verbs={
        "serve": Verb("serve the page on this machine and open it in the browser", _serve),
        "lecture": Verb("the page of the lecture's questions as one file, or its networks trained again", _lecture),
    },
)
GENERAL = ("-h", "--help", "help", "--version", "--print-completion")


def main(args: list[str] | None = None) -> int:
    """Serve the page of the runs named; the exit status."""
    args = sys.argv[1:] if args is None else args
    return run(PLAYGROUND, args if args and args[0] in (*GENERAL, *PLAYGROUND.verbs) else ["serve", *args])


if __name__ == "__main__":
    sys.exit(main())

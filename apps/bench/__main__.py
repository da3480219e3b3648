"""The command of the benchmarks: `python -m apps.bench NAME [options]`."""

import sys
from importlib import import_module

from cnn_core.errors import UserError

BENCHES = {
    "digits-speed": ("CPU-seconds to train and to reach 99 %, inference speed", "apps.bench.digits_speed"),
    "digits-accuracy": ("test accuracy of a preset over seeds", "apps.bench.digits_accuracy"),
    "visual-speed": ("x* of all filters in one batch against one at a time", "apps.bench.visual_speed"),
}


def main(args: list[str]) -> int:
    """Run one benchmark; the exit status."""
    if not args or args[0] in ("-h", "--help"):
        print("usage: python -m apps.bench NAME [--help]\n")
        for name, (about, _) in BENCHES.items():
            print(f"  {name:16}  {about}")
        return 0
    try:
        if args[0] not in BENCHES:
            raise UserError(f"unknown benchmark {args[0]!r}; there are {', '.join(BENCHES)}")
        return import_module(BENCHES[args[0]][1]).main(args[1:])
    except UserError as error:
        print(f"bench: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

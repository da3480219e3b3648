"""Words to the user beside the result: on standard error, from one process of several."""

import os
import sys


def note(message: str) -> None:
    """Say something on standard error, from the main process only, above a progress bar if there is one."""
    if int(os.environ.get("RANK", 0)) == 0:
        from tqdm import tqdm  # not needed for --help

        tqdm.write(message, file=sys.stderr)

"""What people read beside the result, on standard error: notes, and progress.

Of several processes, one speaks. On a terminal progress is a bar; in a log it is at most a line every few seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

LOG_SECONDS = 10.0  # between two lines of progress in a log
LOG_FORMAT = "{desc}: {n_fmt} of {total_fmt}{unit} in {elapsed}, {remaining} left, {rate_fmt}{postfix}"
LOG_FORMAT_OPEN = "{desc}: {n_fmt}{unit} in {elapsed}, {rate_fmt}{postfix}"  # where nobody knows how many there are


def note(message: str) -> None:
    """Say something on standard error, from the main process only, above a progress bar if there is one."""
    if _speaks():
        from tqdm import tqdm  # not needed for --help

        tqdm.write(message, file=sys.stderr)


def progress(
    what: str,
    *,
    over: Iterable[Any] | None = None,
    total: int | None = None,
    done: int = 0,
    unit: str = "step",
    scale: int = 0,
    show: bool = True,
) -> tqdm:
    """A progress bar `what`, iterating `over` something or counted by `update`; `done` of `total` lie behind.

    `scale` 1000 or 1024 writes large counts with k, M. Without `show`, and in all processes but the main one, it says
    nothing. Its methods are tqdm's.
    """
    from tqdm import tqdm  # not needed for --help

    if total is None and hasattr(over, "__len__"):
        total = len(over)  # type: ignore[arg-type]
    terminal = sys.stderr.isatty()
    options: dict[str, Any] = {"file": sys.stderr}
    if not terminal:
        options = {
            "file": _Lines(),
            "mininterval": LOG_SECONDS,
            "maxinterval": LOG_SECONDS,
            "delay": LOG_SECONDS,
            "bar_format": LOG_FORMAT if total else LOG_FORMAT_OPEN,
        }
    bar: Any = tqdm  # its stubs have no overload for an iterable that may be missing
    return bar(
        over,
        desc=what,
        total=total,
        initial=done,
        unit=f" {unit}",
        unit_scale=bool(scale),
        unit_divisor=scale or 1000,
        disable=not (show and _speaks()),
        leave=False,
        dynamic_ncols=True,
        **options,
    )


class _Lines:
    """Standard error as a log: what would be drawn over the line before becomes a line of its own."""

    def write(self, text: str) -> None:
        line = text.replace("\r", "").strip()
        if line:
            sys.stderr.write(f"{line}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def _speaks() -> bool:
    return int(os.environ.get("RANK", 0)) == 0

"""What nobody foresaw: one line that says so, and the trace in a file that can be sent along."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress

from cnn_core.errors import first_line
from cnn_core.version import line

VARIABLE = "CNN_SUITE_TRACE"
"""Environment variable: where it is set, faults are raised as Python does, for those who look for them."""


def report(prog: str, arguments: Sequence[str], error: BaseException) -> str:
    """Write the trace to a file of its own, for its user alone to read; the line that says where."""
    said = f"{type(error).__name__}: {first_line(error)}"
    text = "".join(traceback.format_exception(error))
    head = f"{line(prog)} on {sys.platform}\n{prog} {' '.join(map(ascii, arguments))}\n\n"
    try:
        handle, path = tempfile.mkstemp(prefix=f"{prog}-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(head + text)
    except OSError as wrong:
        with suppress(OSError):
            sys.stderr.writelines(f"{ascii(each)[1:-1]}\n" for each in text.splitlines())
        return f"this is a bug ({said}); please report it with {line(prog)} and the trace above ({first_line(wrong)})"
    return f"this is a bug ({said}); please report it with {line(prog)} and the trace in {path}"

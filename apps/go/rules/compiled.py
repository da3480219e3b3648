"""Functions compiled by numba. Importing this raises UserError where numba is missing."""

from contextlib import ExitStack
from typing import Any

from cnn_core.console import note_if_slow
from cnn_core.optional import require

numba = require("numba", "reading and playing Go")
event = require("numba.core.event", "reading and playing Go")

SLOW = 3.0  # seconds of compiling that are not said
SAID = "compiling the rules of Go for this processor, which takes about a minute, once after each installation"


def compiled(function: Any) -> Any:
    """`function` compiled by numba; the machine code is cached, so that only the first run waits for it.

    numba looks at the function's own file alone: after a change in one that it calls, remove apps/go/__pycache__.
    """
    return numba.njit(function, cache=True, nogil=True)


class _Said(event.Listener):
    """Says once that something is compiled, where it takes long; code that comes from the cache is not compiled."""

    def __init__(self) -> None:
        self.depth, self.done, self.around = 0, False, ExitStack()

    def on_start(self, event: Any) -> None:
        self.depth += 1
        if self.depth == 1 and not self.done:
            self.around.enter_context(note_if_slow(SAID, SLOW, said=self._once))

    def on_end(self, event: Any) -> None:
        self.depth -= 1
        if not self.depth:
            self.around.close()

    def _once(self) -> None:
        self.done = True


event.register("numba:compile", _Said())

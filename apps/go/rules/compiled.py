"""Functions compiled by numba. Importing this raises UserError where numba is missing."""

from typing import Any

from cnn_core.optional import require

numba = require("numba", "reading and playing Go")


def compiled(function: Any) -> Any:
    """`function` compiled by numba; the machine code is cached, so that only the first run waits for it.

    numba looks at the function's own file alone: after a change in one that it calls, remove apps/go/__pycache__.
    """
    return numba.njit(function, cache=True, nogil=True)

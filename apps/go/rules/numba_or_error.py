"""numba's compiler, or one clear line when it is not installed."""

from typing import Any

from cnn_core.errors import UserError

try:
    import numba
except ImportError:
    raise UserError("reading and playing Go needs numba; install it with: pip install 'cnn-suite[go]'") from None


def compiled(function: Any) -> Any:
    """`function` compiled by numba; the machine code is cached, so that only the first run waits for it.

    numba looks at the function's own file alone: after a change in one that it calls, remove apps/go/__pycache__.
    """
    return numba.njit(function, cache=True, nogil=True)

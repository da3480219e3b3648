"""Arrays as the page's JSON holds them: type, shape, and the bytes in base64, little-endian."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed(values: NDArray[Any]) -> dict[str, Any]:
    """{"type": "uint8", "shape": [..], "data": base64}, rows last as C orders them."""
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    return {"type": values.dtype.name, "shape": list(values.shape), "data": base64.b64encode(little.tobytes()).decode()}

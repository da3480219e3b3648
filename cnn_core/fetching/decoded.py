"""Decoded arrays kept in the cache, so that a data set is decoded once. A damaged copy is decoded again, never used."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from cnn_core.errors import UserError
from cnn_core.fetching.sources import Stamps
from cnn_core.files import atomic

Arrays = dict[str, np.ndarray]


def load(path: Path) -> Arrays | None:
    """The arrays that `save` put there, or None where there are none, or not these."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        # The digest of the file stands in its own metadata file.
        if Stamps(path.parent).digest(path) != path.with_suffix(".sha256").read_text(encoding="ascii"):
            return None
        return load_file(path)
    except (OSError, ValueError, SafetensorError):
        return None


def save(path: Path, arrays: Arrays) -> None:
    """Keep the arrays as one safetensors file. Where there is no space or no permission, nothing is kept."""
    from safetensors.numpy import save_file

    try:
        with atomic(path) as part:
            save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, part)
        digest = Stamps(path.parent).digest(path)
        with atomic(path.with_suffix(".sha256")) as part:
            part.write_text(digest, encoding="ascii")
    except UserError:  # decoding again only costs time
        with suppress(OSError):
            path.unlink(missing_ok=True)

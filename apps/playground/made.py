"""Pages that were made before: those of the ready-made networks beside their weights, those of runs in the cache.

Optima and patches take seconds, PyTorch and the training data. pretrained/NAME/page.zip holds what they gave: what the
card says of them, the parts, and what `graph.added` puts at the end of model.onnx. `cnn-bench networks` writes
it with the network, `python -m apps.playground.networks` for all networks as they are.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cnn_core import bounded
from cnn_core.errors import UserError
from cnn_core.exporting.session import FILE
from cnn_core.fetching.sources import cache_folder
from cnn_core.files import atomic, write_json
from cnn_core.networks import pretrained

Made = tuple[dict[str, Any], bytes, dict[str, bytes]]
"""Card, graph and parts."""
ARCHIVE, CARD, TAIL, PART = "page.zip", "card.json", "tail.onnx", "part/"
OF = "weights_sha256"  # the weights that a page was made of


def shipped(ready: pretrained.Card) -> Made | None:
    """The page of a ready-made network; None where it was not made from the weights that the network has."""
    place = pretrained.folder() / ready.name
    try:
        with zipfile.ZipFile(place / ARCHIVE) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        card = json.loads(found[CARD])
        if card.pop(OF) != ready.weights_sha256:
            return None
        parts = {name.removeprefix(PART): data for name, data in found.items() if name.startswith(PART)}
        return card, (place / FILE).read_bytes() + found[TAIL], parts
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def ship(ready: pretrained.Card, found: Made) -> Path:
    """Write what was found of a ready-made network beside it; the file."""
    card, graph, parts = found
    place = pretrained.folder() / ready.name
    tail = graph[(place / FILE).stat().st_size :]
    files = {CARD: json.dumps({**card, OF: ready.weights_sha256}).encode(), TAIL: tail}
    with atomic(place / ARCHIVE) as part:
        part.write_bytes(zipped(files | {PART + name: data for name, data in parts.items()}))
    return place / ARCHIVE


def cached(key: str, make: Callable[[], Made]) -> Made:
    """What `make` gives, kept in the cache under `key`."""
    folder = cache_folder() / "playground"
    card, graph, parts = (folder / f"{key}{ending}" for ending in (".json", ".onnx", ".zip"))
    with suppress(OSError, UserError, zipfile.BadZipFile):
        with zipfile.ZipFile(parts) as kept:
            found = {name: kept.read(name) for name in kept.namelist()}
        return bounded.read_json(card), graph.read_bytes(), found
    made = make()
    with suppress(UserError):  # a cache that cannot be written only costs time
        with atomic(graph) as part:
            part.write_bytes(made[1])
        with atomic(parts) as part:
            part.write_bytes(zipped(made[2]))
        write_json(card, made[0])
    return made


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive, of the same bytes for the same files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 9)
    return written.getvalue()

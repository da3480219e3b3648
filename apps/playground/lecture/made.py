"""The files of the lecture's page, in pretrained/lecture: made once, measured, and read again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from apps.playground.lecture.arrays import packed
from cnn_core import bounded
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.files import atomic, write_json
from cnn_core.networks import pretrained

CARD, SHEET = "lecture.json", "dream.jpg"
COMMAND = "cnn-playground lecture --train"
LECTURE = "lecture"
"""The lecture's own network among the others: @digits-lecture with its gradient."""


def folder() -> Path:
    """Where the files lie."""
    return pretrained.folder() / "lecture"


def train(out: Path, seed: int = 0) -> dict[str, Any]:
    """Train the sisters, measure each file as it is written, and put everything into the folder `out`; the card.

    The folder is replaced only when all is whole.
    """
    from dataclasses import asdict

    from apps.digits.app import APP
    from apps.playground.lecture import frames, sisters
    from cnn_core import runs

    data = APP.load(sisters.config_of(sisters.SISTERS[0]))
    cards = []
    new = Path(tempfile.mkdtemp(prefix=".lecture.", dir=_parent(out)))
    try:
        own = runs.restore(APP, pretrained.run_path("@digits-lecture"))
        cards.append({"name": LECTURE, **_written(own.model.eval(), None, new / f"{LECTURE}.onnx", data)})
        for sister in sisters.SISTERS:
            note(f"training the network {sister.name}")
            model, figures = sisters.trained(sister, data, seed)
            order = sisters.order_of(sister)
            found = _written(model, order, new / f"{sister.name}.onnx", data)
            moved = {} if order is None else {"order": packed(order.numpy().astype(np.int16))}
            cards.append({**asdict(sister), **figures, **found, **moved})
            note(f"{sister.name}: {1 - found['accuracy']:.2%} wrong on {found['count']} test samples")
        dreamt = frames.dream()
        (new / SHEET).write_bytes(dreamt.sheet)
        sheet = {"columns": dreamt.columns, "rows": dreamt.rows, "source": dreamt.source}
        card = {"command": COMMAND, "seed": seed, "labels": list(data.labels), "networks": cards, "dream": sheet}
        write_json(new / CARD, card)
        shutil.rmtree(out, ignore_errors=True)
        new.rename(out)
        out.chmod(0o755)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return card


def read() -> tuple[dict[str, Any], dict[str, bytes]]:
    """The card, and the files by name. Raises UserError where they are missing."""
    place = folder()
    try:
        card = bounded.read_json(place / CARD)
        names = [f"{network['name']}.onnx" for network in card["networks"]]
        return card, {name: (place / name).read_bytes() for name in (*names, SHEET)}
    except (OSError, KeyError, TypeError, UserError) as error:
        raise UserError(f"{place}: the files of the lecture's page are not whole; make them: {COMMAND}") from error


def _parent(out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.parent


def _written(model: Any, order: Any, path: Path, data: Any) -> dict[str, Any]:
    """Write the network with its gradient, weights in 8 bits; that file's shape of maps and accuracy."""
    from apps.digits.model import MEAN, SD
    from apps.playground.lecture.gradient import with_gradient
    from apps.playground.lecture.sisters import SIZE
    from cnn_core.exporting.int8 import write_int8
    from cnn_core.metrics.classes import evaluate_logits

    graph = with_gradient(model, 1 / (255 * SD), -MEAN / SD, SIZE, order)
    with atomic(path) as part:
        part.write_bytes(graph)
    write_int8(path, path)
    logits, maps = logits_of(path.read_bytes(), data.test.inputs)
    found = evaluate_logits(logits, data.test.targets.numpy(), data.labels)
    low, high = found.accuracy_interval
    return {"maps": maps, "accuracy": found.accuracy, "low": low, "high": high, "count": found.count}


def logits_of(graph: bytes, pictures: Any) -> tuple[np.ndarray, list[int]]:
    """Logits (N, classes) of pictures (N, H, W) uint8, by onnxruntime, and the shape of the maps of each."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph)
    given = {value.name: value.shape[1:] for value in session.get_inputs()}
    parts = []
    for start in range(0, len(pictures), 500):
        pixels = np.asarray(pictures[start : start + 500], np.float32).reshape(-1, *given["pixels"])
        blank = {name: np.zeros((len(pixels), *shape), np.float32) for name, shape in given.items()}
        parts.append(session.run(["logits"], {**blank, "pixels": pixels})[0])
    return np.concatenate(parts), list(given["dream"])

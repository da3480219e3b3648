"""The real inputs that excite each filter most, and the patch of them that it saw."""

from typing import Any

import numpy as np

from cnn_core import visual
from cnn_core.app import App
from cnn_core.drawing import grids, report
from cnn_core.drawing.tables import table
from cnn_core.outcome import Outcome
from cnn_core.runs import Run
from cnn_core.verbs.views.common import deepest, layer_of, out_path, shapes, units_of

LIMIT = 20_000  # inputs looked through: beyond, the best change little
BATCH = 256


def view(app: App, run: Run, options: Any) -> Outcome:
    """One row a filter: the best input with its patch lit, then the patches that it saw, best first."""
    source = app.load(run.config)
    train, total = source.train, min(len(source.train), LIMIT)
    rest = visual.behind_front(run.model)

    def batches():
        for first in range(0, total, BATCH):
            yield visual.front_of(run.model, train.take(slice(first, min(first + BATCH, total)))[0])

    spatial = [
        name for name, shape in shapes(run.model, next(batches())).items() if len(shape) > 1 and name != "output"
    ]
    layer = layer_of(run.model, options.layer or deepest(run.model, spatial))
    width = visual.record(rest, next(batches())[:1], layer)[layer].shape[1]
    units = units_of(options.units, width, options.count, layer)
    found = visual.find_exemplars(rest, batches(), layer, units=units, count=options.exemplars)
    pictures, captions, rows = [], [], []
    for row, unit in enumerate(found.units):
        for rank in range(found.scores.shape[1]):
            number, score = int(found.indices[row, rank]), float(found.scores[row, rank])
            inputs, targets = train.take(slice(number, number + 1))
            places = found.inputs[number].shape[1:]
            box = [tuple(ends) for ends in found.boxes[row, rank].tolist()[1:]]  # without the channels
            label, raw = source.label_of(targets[0]), inputs[0].numpy()
            whole = lit(app, raw, box, places)
            if rank == 0:
                pictures.append(whole)
                captions.append(f"filter {unit}" if score > 0 else f"filter {unit}: silent")
            pictures.append(enlarged(app.patch(raw, box), whole) if app.patch else whole)
            captions.append(f"{label}: {score:.2f}")
            rows.append({"unit": unit, "rank": rank, "score": score, "sample": number, "label": label, "box": box})
    title = f"{layer}: what excites each filter most, of {total} training {app.what}s"
    out = out_path(options, run, layer)
    report.save(grids.gallery(pictures, captions, title=title, columns=1 + found.scores.shape[1]), out)
    head = ["unit", "sample", "class", "activation", "where"]
    best = [[r["unit"], r["sample"], r["label"], f"{r['score']:.3f}", _where(r["box"])] for r in rows if not r["rank"]]
    data = {"run": str(run.folder), "layer": layer, "looked_through": total, "exemplars": rows, "picture": str(out)}
    return Outcome(data, f"{table(head, best)}\n\npicture: {out}", pictures=pictures, captions=captions)


def lit(app: App, raw: np.ndarray, box: list[tuple[int, int]], places: tuple[int, ...]) -> np.ndarray:
    """The whole input with the patch lit."""
    mask = np.zeros(tuple(places), dtype=np.float32)
    mask[tuple(slice(max(start, 0), stop) for start, stop in box)] = 1
    if all(stop - start > 4 for start, stop in box):  # a frame, so that what is inside stays clear
        mask[tuple(slice(max(start + 1, 0), max(stop - 1, 0)) for start, stop in box)] = 0.25
    return app.render(raw, heat=mask)


def enlarged(patch: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The patch by whole pixels, to about the size of the whole picture."""
    factor = max(1, min(whole.shape[0] // patch.shape[0], whole.shape[1] // patch.shape[1]))
    return patch.repeat(factor, axis=0).repeat(factor, axis=1)


def _where(box: list[tuple[int, int]]) -> str:
    return " x ".join(f"{start}:{stop}" for start, stop in box)

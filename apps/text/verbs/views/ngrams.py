"""visualize ngrams: for each filter, the n-grams of the training texts that excite it most. Letters: F filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from apps.text.nets.window_net import WindowNet
from apps.text.words.ragged import TextSplit
from apps.text.words.vocabulary import joined
from cnn_core.app import App
from cnn_core.drawing.pages import Page
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.runs import Run
from cnn_core.verbs.views.common import units_of

NGrams = list[tuple[float, tuple[int, ...]]]
"""Values and n-grams (word numbers), the largest value first, each n-gram once."""


@torch.no_grad()
def best_ngrams(model: WindowNet, split: TextSplit, count: int, batch: int = 256) -> list[NGrams]:
    """For each filter of all widths, the `count` different n-grams of the texts with the largest values.

    Of a text, only the window that a filter fires on counts, as in the network's own maximum over time.
    """
    widths = [width for width in model.widths for _ in range(model.get_submodule(f"conv{width}").conv.out_channels)]  # type: ignore[union-attr]
    keep = 4 * count  # equal n-grams take several places
    values, rows, places = (torch.empty(0, len(widths)) for _ in range(3))
    order = split.evaluation_order()
    for first in range(0, len(order), batch):
        index = order[first : first + batch]
        value, place = model.strongest_windows(split.take(index)[0])  # (B, F)
        values = torch.cat([values, value.float()])
        rows = torch.cat([rows, index[:, None].expand_as(place).float()])
        places = torch.cat([places, place.float()])
        top = values.topk(min(keep, len(values)), 0).indices
        values, rows, places = (part.gather(0, top) for part in (values, rows, places))
    found: list[NGrams] = []
    for f, width in enumerate(widths):
        grams: dict[tuple[int, ...], float] = {}
        for value, row, place in zip(values[:, f].tolist(), rows[:, f].tolist(), places[:, f].tolist(), strict=True):
            gram = tuple(split.row(int(row))[int(place) : int(place) + width].tolist())
            if value > 0:
                grams.setdefault(gram, value)
        found.append([(value, gram) for gram, value in grams.items()][:count])
    return found


def view(app: App, run: Run, options: Any) -> Outcome:
    """A table and a page: a row a filter, with what it adds to each class's score."""
    model = run.model.cpu()
    if not isinstance(model, WindowNet) or model.pool.kind != "max":
        raise UserError("visualize ngrams: needs a network with windows and a maximum over time; see --preset")
    layers = [f"conv{width}" for width in model.widths]
    if options.layer and options.layer not in layers:
        raise UserError(f"--layer {options.layer}: has no n-grams; the layers with windows are {', '.join(layers)}")
    vocabulary = run.fitted.vocabulary
    train = run.app.load(run.config).train
    assert isinstance(train, TextSplit)
    every = best_ngrams(model, train, options.exemplars)
    filters = len(every) // len(layers)
    rows, data = [], []
    for layer in [options.layer] if options.layer else layers:
        offset = layers.index(layer) * filters
        votes = model.output.weight[:, offset : offset + filters].detach()  # (classes, F)
        for unit in _units(options, filters, layer, votes):
            label, vote = _speaks_for(votes[:, unit], run.labels)
            grams = [(value, joined([vocabulary.words[n] for n in gram])) for value, gram in every[offset + unit]]
            data.append({"layer": layer, "filter": unit, "class": label, "vote": vote, "ngrams": [
                {"text": text, "value": value} for value, text in grams]})  # fmt: skip
            rows.append([f"{layer} {unit}", f"{label} {vote:+.2f}", ", ".join(f"{t} ({v:.2f})" for v, t in grams[:4])])
    head = ["filter", "speaks for", "n-grams that excite it most (activation)"]
    out = options.out or run.folder / "visualize" / "ngrams.html"
    page = Page("The n-grams that each filter is looking for")
    page.text("Of the training texts, by the value that the filter gives them; each n-gram once.")
    page.table(head, [[d["layer"] + f" {d['filter']}", f"{d['class']} {d['vote']:+.2f}",
                       ", ".join(f"{g['text']} ({g['value']:.2f})" for g in d["ngrams"])] for d in data])  # fmt: skip
    page.save(out)
    return Outcome({"run": str(run.folder), "filters": data, "page": str(out)}, f"{table(head, rows)}\n\npage: {out}")


def _units(options: Any, filters: int, layer: str, votes: Tensor) -> Sequence[int]:
    """The filters asked for, or those with the loudest votes, for all classes together."""
    if options.units:
        return units_of(options.units, filters, options.count, layer)
    return (votes - votes.mean(0)).abs().amax(0).topk(min(options.count, filters)).indices.tolist()


def _speaks_for(votes: Tensor, labels: Sequence[str]) -> tuple[str, float]:
    """The class that a filter adds most to, and by how much more than to the mean of all."""
    lead = votes - votes.mean()
    return labels[int(lead.argmax())], float(lead.max())

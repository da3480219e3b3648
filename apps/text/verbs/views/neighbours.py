"""visualize neighbours: which words lie next to a word, before and after training. Letters: V words, C channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from apps.text.front import WordFront
from cnn_core import runs
from cnn_core.app import App
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.runs import Run


def word_vectors(model: nn.Module) -> Tensor:
    """(V, C) the vectors of all words, fixed and learned side by side; the pad and the unknown word first.

    Raises UserError for a network without such a table.
    """
    front = model.get_submodule("front")
    if not isinstance(front, WordFront):
        raise UserError("an encoder has no vector for a word alone, only in a text; this view needs a table of vectors")
    words = front.seen_words + (0 if front.unseen is None else len(front.unseen))
    training = front.training
    try:
        return front.eval().rows(torch.arange(words)).detach().float().cpu()
    finally:
        front.train(training)


FREQUENT = 5000  # candidates for neighbours: rare words have hardly moved, and hide the others


def nearest(vectors: Tensor, words: Sequence[int], count: int) -> list[list[tuple[int, float]]]:
    """For each word, the `count` others of the largest cosine, frequent ones, neither pad nor unknown."""
    unit = nn.functional.normalize(vectors, dim=1)
    likeness = unit[list(words)] @ unit[:FREQUENT].T
    likeness[:, :2] = -2
    for row, word in enumerate(words):
        likeness[row, word : word + 1] = -2  # nothing, where the word itself is a rare one
    best = likeness.topk(min(count, likeness.shape[1] - 3), 1)
    return [list(zip(i, v, strict=True)) for i, v in zip(best.indices.tolist(), best.values.tolist(), strict=True)]


def before(app: App, run: Run) -> Tensor:
    """The vectors (V, C) as they were when training began: the same seed makes the same ones."""
    return word_vectors(runs.build_seeded(app, run.config, run.labels, run.record["seed"], run.fitted))


def moved(first: Tensor, last: Tensor) -> Tensor:
    """(V,) how far each word went."""
    return (last - first).norm(dim=1)


def view(app: App, run: Run, options: Any) -> Outcome:
    """A table; --input names the words, else those that moved furthest among the 1,000 most frequent are shown."""
    vocabulary = run.fitted.vocabulary
    if len(vocabulary) < 5:
        raise UserError(f"{run.folder}: its vocabulary of {len(vocabulary) - 2} words is too small for neighbours")
    first, last = before(app, run), word_vectors(run.model)
    if options.input:
        names = [token for text in options.input.split(",") for token in vocabulary.tokenize(text)]
        unknown = [name for name in names if name not in vocabulary.numbers]
        if unknown or not names:
            raise UserError(f"--input {options.input}: {(unknown or ['it'])[0]!r} is not a word of the training texts")
        chosen = [vocabulary.numbers[name] for name in names]
    else:
        way = moved(first, last)[2:1002]
        chosen = (2 + way.topk(min(options.count, len(way))).indices).tolist()
    old, new = nearest(first, chosen, options.exemplars), nearest(last, chosen, options.exemplars)
    words = vocabulary.words
    data = [
        {
            "word": words[number],
            "moved": float((last[number] - first[number]).norm()),
            "before": [{"word": words[n], "cosine": c} for n, c in a],
            "after": [{"word": words[n], "cosine": c} for n, c in b],
        }
        for number, a, b in zip(chosen, old, new, strict=True)
    ]
    rows = [
        [d["word"], f"{d['moved']:.2f}", *(", ".join(n["word"] for n in d[when][:5]) for when in ("before", "after"))]
        for d in data
    ]
    text = table(["word", "moved", "nearest before training", "nearest after"], rows)
    return Outcome({"run": str(run.folder), "words": data}, text)

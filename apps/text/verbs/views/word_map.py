"""visualize map: the word vectors as a map of two axes, coloured by the class that a word speaks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.text.verbs.views.neighbours import word_vectors
from apps.text.words.ragged import TextSplit
from cnn_core.app import App
from cnn_core.console import counted
from cnn_core.drawing import report
from cnn_core.drawing.spread import spread
from cnn_core.drawing.tables import beside
from cnn_core.errors import UserError
from cnn_core.optional import require
from cnn_core.outcome import Outcome
from cnn_core.runs import Run

MOST, LEAST = 220, 10  # words on the map; times that a word must be met
PAGE, LETTER = (12.0, 9.0), 0.078  # inches of the page, and of a letter
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def class_counts(split: TextSplit, words: int, classes: int) -> np.ndarray:
    """(words, classes) how many texts of each class have the word."""
    counts = np.zeros((words, classes))
    for number in range(len(split)):
        counts[np.unique(split.row(number).numpy()), int(split.targets[number])] += 1
    return counts


def leaning(counts: np.ndarray) -> np.ndarray:
    """(words, classes) log of a class's share among the texts with the word over its share among all texts."""
    smoothed = counts + 1
    return np.log(smoothed / smoothed.sum(1, keepdims=True)) - np.log(counts.sum(0) / counts.sum())


def two_axes(vectors: np.ndarray, seed: int) -> np.ndarray:
    """(N, 2): t-SNE (van der Maaten and Hinton 2008) of the directions of vectors (N, C)."""
    manifold = require("sklearn.manifold", "visualize map")
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    perplexity = min(20.0, (len(unit) - 1) / 3)
    return manifold.TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(unit)


def view(app: App, run: Run, options: Any) -> Outcome:
    """The words that lean most towards a class, where the trained vectors lie."""
    split = run.app.load(run.config).train
    assert isinstance(split, TextSplit)
    if run.several_labels:
        raise UserError("visualize map: colours words by the one class of their texts; this run tells several labels")
    vocabulary = run.fitted.vocabulary
    counts = class_counts(split, len(vocabulary), len(run.labels))
    lean = leaning(counts)
    often = counts.sum(1) >= min(LEAST, max(1, len(split) // 100))
    often[:2] = False
    strength = np.where(often, lean.max(1) * np.log1p(counts.sum(1)), -np.inf)
    chosen = np.argsort(-strength)[: min(MOST, int(often.sum()))]
    if len(chosen) < 4:
        raise UserError(f"{run.folder}: too few words for a map")
    places = two_axes(word_vectors(run.model).numpy()[chosen], options.common.seed)
    out = options.out or run.folder / "visualize" / "map.png"
    labels = lean[chosen].argmax(1)
    report.save(_drawn(places, [vocabulary.words[i] for i in chosen], labels, run.labels), out)
    words = [
        {"word": vocabulary.words[i], "class": run.labels[c], "x": float(x), "y": float(y)}
        for i, c, (x, y) in zip(chosen, labels, places, strict=True)
    ]
    beside(out, ["word", "class", "x", "y"], [list(each.values()) for each in words])
    text = f"{out}: {counted(len(words), 'word')}, near each other where the network takes them for alike"
    return Outcome({"run": str(run.folder), "words": words, "picture": str(out)}, text)


@report.styled
def _drawn(places: np.ndarray, words: list[str], labels: np.ndarray, names: tuple[str, ...]) -> Any:
    from matplotlib.lines import Line2D

    figure = report.new_figure(*PAGE)
    axes = figure.add_subplot()
    low, high = places.min(0), places.max(0)
    scale = (np.array(PAGE) - 1) / np.maximum(high - low, 1e-9)  # inches of a unit
    sizes = np.array([(LETTER * len(word) + 0.04, 0.13) for word in words])
    apart = spread((places - low) * scale, sizes) / scale + low
    for (x, y), (left, top), word, label in zip(places, apart, words, labels, strict=True):
        colour = COLOURS[label % len(COLOURS)]
        axes.plot([x, left], [y, top], color=colour, linewidth=0.5, alpha=0.5)
        axes.text(left, top, word, color=colour, ha="center", va="center", fontsize=8)
    low, high = apart.min(0), apart.max(0)
    pad = 0.04 * (high - low)
    axes.set_xlim(low[0] - pad[0], high[0] + pad[0])
    axes.set_ylim(low[1] - pad[1], high[1] + pad[1])
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title("Trained word vectors (t-SNE), coloured by the class whose texts have the word more often")
    shown = sorted(set(labels.tolist()))[:12]
    dots = [Line2D([], [], marker="o", linestyle="", color=COLOURS[c % len(COLOURS)], label=names[c]) for c in shown]
    axes.legend(handles=dots, loc="lower right")
    return figure

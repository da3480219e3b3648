"""Which words and n-grams decided: exact for Kim's network, by integrated gradients for any.

In Kim's network the score of a class is a sum: of each filter, its weight for the class times the value of the one
window that it fired on; and that value is a sum over the words of the window, and the filter's bias. Nothing is
estimated. Letters: T words of the text, F filters, C classes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from apps.text.nets.window_net import WindowNet
from cnn_core import visual


@dataclass(frozen=True)
class Gram:
    """Some words of the text in a row, and what the windows that fired there add to the score."""

    start: int
    stop: int
    score: float


@dataclass(frozen=True)
class Reasons:
    """Why a text got its score for one class, against the mean of the other classes, or for a label told by itself.

    score = sum of `words` (T,) + `rest` (biases, which no word is the reason of).
    """

    score: float
    words: np.ndarray
    rest: float
    grams: tuple[Gram, ...]
    """The largest in size first; empty for networks without single windows."""
    exact: bool


def contrast(classes: int, target: int, alone: bool = False) -> Tensor:
    """(C,) weights of the logits: the target, less the mean of the others unless it is told `alone`."""
    weights = torch.full((classes,), 0.0 if alone or classes < 2 else -1 / (classes - 1))
    weights[target] = 1.0
    return weights


@torch.no_grad()
def exact_reasons(model: WindowNet, words: Tensor, target: int, alone: bool = False) -> Reasons:
    """The sum that a WindowNet with a maximum over time is, for the numbers (T,) of one text."""
    weights = contrast(model.output.out_features, target, alone)
    values, places = model.strongest_windows(words[None])  # (1, F) each
    shares = weights @ model.output.weight  # (F,) what a filter's value counts for the target
    vectors = model.front(words[None])[0]  # (C, T)
    scores, grams = np.zeros(len(words)), defaultdict(float)
    offset, rest = 0, float(weights @ model.output.bias)
    for conv in model.convs:
        weight, bias = conv.conv.weight, conv.conv.bias
        assert bias is not None
        filters, width = weight.shape[0], conv.width
        part = slice(offset, offset + filters)
        offset += filters
        on = values[0, part] > 0
        share, place = shares[part] * on, places[0, part]
        padded = nn.functional.pad(vectors, (0, width))
        windows = torch.stack([padded[:, start : start + width] for start in place.tolist()])  # (F, C, K)
        slots = (windows * weight).sum(1) * share[:, None]  # (F, K) of each word of each window
        for k in range(width):
            at = place + k
            inside = at < len(words)
            np.add.at(scores, at[inside].numpy(), slots[inside, k].double().numpy())
        rest += float(share @ bias)
        for start, score in zip(place.tolist(), (share * values[0, part]).tolist(), strict=True):
            grams[start, min(start + width, len(words))] += score
    ranked = sorted((Gram(a, b, s) for (a, b), s in grams.items() if s and b > a), key=lambda g: -abs(g.score))
    return Reasons(float(scores.sum()) + rest, scores, rest, tuple(ranked), True)


def integrated_reasons(model: nn.Module, words: Tensor, target: int, steps: int = 64, alone: bool = False) -> Reasons:
    """The same by integrated gradients from the text of no words (all vectors zero), for any network."""
    network = visual.behind_front(model)
    x = visual.front_of(model, words[None])
    with torch.no_grad():
        logits = network(x)[0].float()
    weights = contrast(len(logits), target, alone)
    total, gap = np.zeros(len(words)), 0.0
    for label, weight in enumerate(weights.tolist()):
        if not weight:
            continue
        found = visual.integrated_gradients(network, x, label, steps=steps)
        total += weight * found.values[0].sum(0).double().cpu().numpy()[: len(words)]
        gap += weight * float(found.gap[0])
    score = float(weights @ logits.cpu())
    return Reasons(score, total, score - float(total.sum()), (), False)


def reasons(model: nn.Module, words: Tensor, target: int, alone: bool = False) -> Reasons:
    """The exact reasons where the network has them, else integrated gradients."""
    if isinstance(model, WindowNet) and model.pool.kind == "max":
        return exact_reasons(model, words, target, alone)
    return integrated_reasons(model, words, target, alone=alone)


def agreement(first: Reasons, second: Reasons) -> float:
    """Correlation (Pearson) of two lists of word scores; NaN for fewer than two different ones."""
    a, b = first.words, second.words
    if len(a) < 2 or not a.std() or not b.std():
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])

"""Texts on the page: how they are cut, and the words that the network knows; no text of the training data."""

from __future__ import annotations

import json
from typing import Any

from apps.playground.domains.page import Page
from apps.playground.graph import graph_of
from cnn_core.errors import UserError
from cnn_core.runs import Run

TOKENIZERS = ("english", "kim", "characters")  # those that the page has too


def page(run: Run, examples: bool) -> Page:
    """The graph and what belongs to it: tokenizer, windows of the convolutions over words; as a part the words
    by number, JSON.

    Raises UserError for a tokenizer that the page does not have.
    """
    vocabulary = run.fitted.vocabulary
    if vocabulary.tokenizer not in TOKENIZERS:
        raise UserError(
            f"{run.folder}: the page cannot cut texts as the tokenizer {vocabulary.tokenizer} does; it knows"
            f" {', '.join(TOKENIZERS)}"
        )
    names = [name for name, _ in run.model.named_children()]
    # Of networks with windows side by side the page tells which n-grams fired.
    layers = [name for name in names if name.startswith("conv")] if {"pool", "output", "front"} <= set(names) else []
    graph, windows = graph_of(run, [*layers, *(["output"] if layers else [])])
    card = {"tokenizer": vocabulary.tokenizer, "longest": vocabulary.longest, "layers": layers, "windows": windows}
    words = json.dumps(list(vocabulary.words), ensure_ascii=False, separators=(",", ":"))
    return graph, card | {"shortest": shortest(windows), "holds": "its words"}, {"words": words.encode()}


def shortest(windows: dict[str, dict[str, Any]]) -> int:
    """Words that a text is filled up to, so that the widest window fits."""
    return max((window["kernel"][0] for window in windows.values()), default=1)

"""A linear model of words and pairs of words: what it is, and its file; numpy alone, no scikit-learn.

Letters: N texts, F features, C classes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cnn_core import bounded
from cnn_core.errors import UserError, first_line
from cnn_core.files import atomic

FORMAT = "cnn-text linear 1"


def grams(tokens: Sequence[str]) -> list[str]:
    """Words and pairs of neighbours."""
    return [*tokens, *(f"{a} {b}" for a, b in pairwise(tokens))]


@dataclass(frozen=True)
class LinearModel:
    """Scores = features @ weight + bias; the class with the largest one is the answer."""

    kind: Literal["binary", "tfidf"]
    """binary: whether a feature is there; tfidf: (1 + log count) times idf, each text at length 1."""
    features: tuple[str, ...]
    """Words, and pairs with a blank between."""
    idf: np.ndarray | None
    """(F,) for tfidf."""
    weight: np.ndarray
    """(F, C)."""
    bias: np.ndarray
    """(C,)."""
    classes: np.ndarray
    """(C,) class numbers."""

    @cached_property
    def columns(self) -> dict[str, int]:
        """Feature -> its row of `weight`."""
        return {feature: number for number, feature in enumerate(self.features)}

    def scores(self, rows: Sequence[Sequence[str]]) -> np.ndarray:
        """Tokens of N texts -> (N, C)."""
        found = np.empty((len(rows), len(self.classes)))
        for number, tokens in enumerate(rows):
            counts = Counter(grams(tokens))
            known = [(self.columns[gram], count) for gram, count in counts.items() if gram in self.columns]
            places = np.array([place for place, _ in known], np.int64)
            if self.idf is None:
                values = np.ones(len(places))
            else:
                values = (1 + np.log(np.array([count for _, count in known], float))) * self.idf[places]
                values = values / max(float(np.linalg.norm(values)), 1e-12)
            found[number] = values @ self.weight[places] + self.bias
        return found

    def predict(self, rows: Sequence[Sequence[str]]) -> np.ndarray:
        """Tokens of N texts -> (N,) class numbers."""
        return self.classes[self.scores(rows).argmax(1)]


def save(path: Path, model: LinearModel, labels: Sequence[str], tokenizer: str) -> None:
    """Write one safetensors file with labels, tokenizer and features as its metadata. Raises UserError."""
    from safetensors.numpy import save_file

    tensors = {"weight": model.weight.astype(np.float32), "bias": model.bias.astype(np.float32)}
    if model.idf is not None:
        tensors["idf"] = model.idf.astype(np.float32)
    metadata = {
        "format": FORMAT,
        "kind": model.kind,
        "labels": json.dumps([labels[number] for number in model.classes], ensure_ascii=False),
        "tokenizer": tokenizer,
        "features": json.dumps(model.features, ensure_ascii=False),
    }
    with atomic(path) as part:
        save_file(tensors, part, metadata=metadata)


@dataclass(frozen=True)
class LinearFile:
    """A linear model with what it answers with, and how texts are cut for it."""

    model: LinearModel
    labels: tuple[str, ...]
    tokenizer: str

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The label of each text."""
        return [self.labels[number] for number in self.scores(texts).argmax(1)]

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """(N, C): larger is surer; no probabilities."""
        from apps.text.reading.tokenizers import tokenizer

        split_text = tokenizer(self.tokenizer)
        return self.model.scores([split_text(text) for text in texts])


def load(path: Path) -> LinearFile:
    """Read what `save` wrote. Raises UserError for anything else."""
    from safetensors import SafetensorError, safe_open

    bounded.check_regular(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata: dict[str, str] = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise UserError(f"{path}: not a linear model; `cnn-text export RUN --linear` writes one")
            tensors = {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (no mapping)
        labels, features = (_strings(metadata[name]) for name in ("labels", "features"))
        weight, bias, idf = tensors["weight"], tensors["bias"], tensors.get("idf")
        if weight.shape != (len(features), len(labels)) or bias.shape != (len(labels),):
            raise ValueError("its weights are of another shape than its words and labels say")
        if metadata["kind"] not in ("binary", "tfidf") or (metadata["kind"] == "tfidf") != (idf is not None):
            raise ValueError("its kind and its weights do not belong together")
        if idf is not None and idf.shape != (len(features),):
            raise ValueError("its idf weights are of another number than its words")
        kind: Any = metadata["kind"]
        model = LinearModel(kind, features, idf, weight, bias, np.arange(len(labels)))
        return LinearFile(model, labels, metadata["tokenizer"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a linear model that can be read: {first_line(error)}") from error


def _strings(text: str) -> tuple[str, ...]:
    values = json.loads(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("its words and labels are not lists of strings")
    return tuple(values)

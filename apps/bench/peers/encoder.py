"""The sentence encoder of preset contextual, and the same weights in sentence-transformers."""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from apps.bench.peers.peer import Found, Setting
from apps.text.app import APP
from apps.text.words.encoder_files import encoder_files
from cnn_core.benchmark import cpu_seconds

SOURCE = "minilm"


def texts(setting: Setting) -> list[str]:
    """Sentences of the default data set."""
    train: Any = APP.load(APP.presets["rand"]).train
    return list(train.texts[: 40 if setting.quick else 1000])


def likeness(vectors: Tensor) -> float:
    """Mean cosine of neighbours in (N, C): equal vectors, equal number."""
    return float(functional.cosine_similarity(vectors[1:], vectors[:-1]).mean())


def here(setting: Setting) -> Found:
    """The front end of preset contextual, texts of like length together; the mean vector of a text's pieces."""
    from apps.text.words.ragged import split_of
    from cnn_core import runs
    from cnn_core.training.inference import autocast

    asked, config = texts(setting), APP.presets["contextual"]
    data = APP.load(replace(config, data="movie-snippets"))
    model = runs.build_seeded(APP, config, data.labels, 0, data.fitted).eval()
    vocabulary = data.fitted.vocabulary
    front: Any = model.get_submodule("front")
    found = torch.zeros(len(asked), front.channels)
    with cpu_seconds() as spent, torch.no_grad(), autocast("fp32", torch.device("cpu")):
        split = split_of([vocabulary.encode(vocabulary.tokenize(text)) for text in asked], asked)
        for batch in split.evaluation_batches(32):
            words, _ = split.take(batch)
            lengths = (words != 0).sum(1)
            found[batch] = front(words).sum(2) / lengths[:, None]
    return Found(spent.cpu, likeness(found))


def transformers(setting: Setting) -> Found:
    """sentence-transformers with the same weights; its own batches."""
    peer = importlib.import_module("sentence_transformers")
    asked, files = texts(setting), encoder_files("minilm")
    with tempfile.TemporaryDirectory() as folder:
        for name, path in (
            ("config.json", files.config),
            ("vocab.txt", files.pieces),
            ("model.safetensors", files.weights),
        ):
            (Path(folder) / name).symlink_to(path.resolve())
        inner = _layers()(folder, max_seq_length=256)
        model = peer.SentenceTransformer(modules=[inner], device="cpu")
        with cpu_seconds() as spent:
            pieces = model.encode(asked, output_value="token_embeddings", convert_to_numpy=False)
            found = torch.stack([rows[1:-1].mean(0) for rows in pieces])
    return Found(spent.cpu, likeness(found))


def _layers() -> Any:
    """Its class Transformer, whose place has changed with version 6."""
    for name in ("sentence_transformers.models", "sentence_transformers.base.modules.transformer"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name).Transformer
    raise ImportError("sentence-transformers has its class Transformer in another place")

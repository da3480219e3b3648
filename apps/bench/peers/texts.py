"""Sentences: preset rand, fastText, and a linear model over word pairs; all learn from the same texts alone."""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from apps.bench.peers.peer import Found, Setting
from apps.text.app import APP
from cnn_core.benchmark import cpu_seconds

DATA = "movie-snippets"


def source(setting: Setting) -> tuple[Any, Any]:
    """Configuration and data; the first fold of ten is the test split."""
    config = APP.presets["rand"]
    config = replace(config, data=DATA, texts=replace(config.texts, folds=10))
    if setting.quick:
        config = replace(config, fit=replace(config.fit, epochs=1))
    return config, APP.load(config)


def rows(split: Any, vocabulary: Any, setting: Setting) -> tuple[list[str], list[int]]:
    """Tokenized texts, and their classes."""
    order = torch.randperm(len(split.texts))[: 200 if setting.quick else None].tolist()
    return [" ".join(vocabulary.tokenize(split.texts[i])) for i in order], split.targets[order].tolist()


def here(setting: Setting) -> Found:
    """Preset rand."""
    from apps.text.model import step
    from apps.text.verbs.folds import fit_once
    from cnn_core.training import engine

    config, data = source(setting)
    if setting.quick:
        data = replace(data, train=data.train.subset(torch.randperm(len(data.train))[:200]))
    model, fitted = fit_once(APP, config, data, setting.seed)
    accuracy = engine.evaluate(model, data.test, step=step(config), precision="fp32")["accuracy"]
    return Found(fitted.cpu_seconds, 100 * accuracy)


def fast_text(setting: Setting) -> Found:
    """fastText as its tutorial ends: pairs of words, 25 passes, rate 1."""
    fasttext = importlib.import_module("fasttext")
    _, data = source(setting)
    texts, labels = rows(data.train, data.fitted.vocabulary, setting)
    asked, truth = rows(data.test, data.fitted.vocabulary, setting)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("".join(f"__label__{label} {text}\n" for text, label in zip(texts, labels, strict=True)))
        with cpu_seconds() as spent:
            model = fasttext.train_supervised(
                str(path), wordNgrams=2, epoch=25, lr=1.0, thread=1, seed=setting.seed, verbose=0
            )
    # Its own `predict` fails with numpy 2; the inner one takes a line that ends.
    found = [model.f.predict(f"{text}\n", 1, 0.0, "strict")[0][1] for text in asked]
    right = sum(answer == f"__label__{label}" for answer, label in zip(found, truth, strict=True))
    return Found(spent.cpu, 100 * right / len(truth))


def linear(setting: Setting) -> Found:
    """Logistic regression over tf-idf of words and pairs."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    _, data = source(setting)
    texts, labels = rows(data.train, data.fitted.vocabulary, setting)
    asked, truth = rows(data.test, data.fitted.vocabulary, setting)
    with cpu_seconds() as spent:
        vectors = TfidfVectorizer(ngram_range=(1, 2), tokenizer=str.split, token_pattern=None, sublinear_tf=True)  # type: ignore[arg-type]
        model = make_pipeline(vectors, LogisticRegression(C=10.0, max_iter=1000)).fit(texts, labels)
    return Found(spent.cpu, 100 * float(model.score(asked, truth)))

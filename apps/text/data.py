"""The text app's data: a named data set, or a file or folder of the user's, as rows of word numbers.

data = load(TextConfig(data="reviews.csv"))
data.train.take(slice(0, 2))   # (2, T) int32 word numbers, (2,) classes
data.fitted                      # the vocabulary, the classes: what a run keeps
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from apps.text.config import TextConfig
from apps.text.reading.columns import Columns
from apps.text.reading.corpora import Parts, read_named
from apps.text.reading.files import Texts, decode, read_bytes, read_texts
from apps.text.reading.splits import folds, set_aside
from apps.text.reading.tokenizers import tokenizer
from apps.text.words import vectors
from apps.text.words.fitted import FittedText
from apps.text.words.ragged import TextSplit, rows_of
from apps.text.words.vocabulary import Vocabulary, make_vocabulary
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching.sources import available
from cnn_core.training.data import Dataset

TRAIN, TEST, DEV = ("train", "training"), ("test",), ("validation", "valid", "val", "dev")


def load(config: TextConfig, fitted: FittedText | None = None) -> Dataset:
    """The data set that the configuration names, in the words and classes of the run that `fitted` is of.

    Data other than the run's own, without a split of their own, are for testing as a whole. Raises UserError where
    the data cannot be had or read, have one class only, or have a class that the run does not know.
    """
    foreign = fitted is not None and config.data != fitted.data
    known = fitted is not None and not foreign
    parts, classes = _parts(config, quiet=known)
    if fitted is None:
        classes = classes or _classes(parts.get("all", parts.get("train")).labels, config.data)  # type: ignore[union-attr]
    tokens = {split: _cut(part.texts, config) for split, part in parts.items()}
    if "all" in parts:
        parts, tokens = _split(config, parts.pop("all"), tokens["all"], whole=foreign, quiet=known)
    if fitted is None:
        labels, vocabulary = classes, _vocabulary(config, tokens["train"])
        width = vectors.width(config.vectors.source, config.vectors.width)
        fitted = FittedText(config.data, labels, vocabulary, width)
    labels, vocabulary = fitted.labels, fitted.vocabulary
    splits = {s: _encode(vocabulary, p, tokens[s], labels, f"{config.data}, {s}") for s, p in parts.items()}
    if not len(splits["test"]):
        raise UserError(f"{config.data}: has no test texts")
    name = config.data if config.data in available() else Path(config.data).expanduser().resolve().name
    return Dataset(name, splits["train"], splits["test"], labels, splits.get("validation"), fitted)


def read(source: Path | bytes, fitted: FittedText) -> np.ndarray:
    """Word numbers (T,) int32 of one text: a whole file, or bytes in UTF-8."""
    raw = source if isinstance(source, bytes) else read_bytes(source)
    vocabulary = fitted.vocabulary
    return vocabulary.encode(vocabulary.cut(decode(raw, "standard input" if raw is source else str(source))))


def encode(vocabulary: Vocabulary, texts: Sequence[str]) -> TextSplit:
    """Texts without classes as a split (all targets 0)."""
    places, tokens = rows_of([vocabulary.encode(vocabulary.cut(text)) for text in texts])
    return TextSplit(places, torch.zeros(len(texts), dtype=torch.int64), tokens, tuple(texts))


def _parts(config: TextConfig, quiet: bool) -> tuple[Parts, tuple[str, ...]]:
    """Texts by split, or all of them, and the classes where the data set says them."""
    if config.data in available() and not config.texts.test:
        return read_named(config.data)
    texts, path = config.texts, Path(config.data).expanduser()
    columns = Columns(texts.text, texts.label, quiet)
    if not path.exists():
        raise UserError(f"no data set, file or folder is named {config.data!r} (data sets: {', '.join(available())})")
    inside = {name: _inside(path, names) for name, names in (("train", TRAIN), ("test", TEST), ("validation", DEV))}
    parts: Parts = {}
    if inside["train"] and (inside["test"] or texts.test):
        parts = {name: read_texts(place, columns, texts.encoding) for name, place in inside.items() if place}
    if texts.test:
        test = Path(texts.test).expanduser()
        if not test.exists():
            raise UserError(f"--texts.test {texts.test}: no such file or folder")
        parts |= {"test": read_texts(test, columns, texts.encoding)}
        parts = parts if "train" in parts else {"train": read_texts(path, columns, texts.encoding), **parts}
    return parts or {"all": read_texts(path, columns, texts.encoding)}, ()


def _inside(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The folder or the table of that name in a folder."""
    if not folder.is_dir():
        return None
    return next((entry for name in names for entry in sorted(folder.iterdir()) if entry.stem == name), None)


def _cut(texts: Sequence[str], config: TextConfig) -> list[list[str]]:
    cut, longest = tokenizer(config.texts.tokenizer), config.texts.longest or None
    return [cut(text)[:longest] for text in texts]


def _split(
    config: TextConfig, every: Texts, tokens: list[list[str]], whole: bool, quiet: bool
) -> tuple[Parts, dict[str, list[list[str]]]]:
    """Cut into train and test as the configuration says, and say how; `whole` is all for testing."""
    options, keys = config.texts, [tuple(row) for row in tokens]
    if whole:
        aside = [True] * len(keys)
    elif options.folds:
        chosen = folds(keys, every.labels, options.folds, options.split_seed)
        aside = [fold == options.fold for fold in chosen]
    else:
        aside = set_aside(keys, every.labels, options.test_share, options.split_seed)
    if not (whole or quiet):
        how = f"fold {options.fold} of {options.folds}" if options.folds else f"{options.test_share:.0%} of each class"
        twice = len(keys) - len(set(keys))
        same = f"; {twice} texts repeat others and are on their side" if twice else ""
        note(f"{config.data}: {sum(aside)} of {len(keys)} texts for testing ({how}, seed {options.split_seed}){same}")
    parts: Parts = {}
    cut: dict[str, list[list[str]]] = {}
    for split, wanted in (("train", False), ("test", True)):
        chosen = [number for number, test in enumerate(aside) if test == wanted]
        parts[split] = Texts([every.texts[i] for i in chosen], [every.labels[i] for i in chosen])
        cut[split] = [tokens[i] for i in chosen]
    return parts, cut


def _classes(labels: list[str], data: str) -> tuple[str, ...]:
    names = sorted(set(labels), key=lambda name: (not name.lstrip("-").isdigit(), _number(name), name))
    if len(names) < 2:
        found = f"one class only ({names[0]!r})" if names else "no texts"
        raise UserError(f"{data}: has {found}; at least two classes are needed")
    if len(names) > 1000:
        raise UserError(f"{data}: has {len(names)} different labels, and at most 1000 are possible; see --texts.label")
    return tuple(names)


def _number(name: str) -> int:
    return int(name) if name.lstrip("-").isdecimal() and len(name) < 19 else 0


def _vocabulary(config: TextConfig, tokens: list[list[str]]) -> Vocabulary:
    options = config.texts
    unseen = vectors.frequent_words(config.vectors.source, config.vectors.unseen) if config.vectors.unseen else ()
    vocabulary = make_vocabulary(
        tokens,
        options.tokenizer,
        most=options.most_words,
        least_count=options.least_count,
        longest=options.longest,
        unseen=unseen,
    )
    if len(vocabulary) - vocabulary.unseen <= 2:
        raise UserError(f"{config.data}: no word of the training texts is met {options.least_count} times")
    return vocabulary


def _encode(
    vocabulary: Vocabulary, part: Texts, tokens: list[list[str]], labels: tuple[str, ...], where: str
) -> TextSplit:
    numbers = {label: number for number, label in enumerate(labels)}
    strange = sorted(set(part.labels) - set(labels))
    if strange:
        raise UserError(f"{where}: the class {strange[0]!r} is none of the network's ({', '.join(labels[:12])})")
    places, flat = rows_of([vocabulary.encode(row) for row in tokens])
    targets = torch.tensor([numbers[label] for label in part.labels], dtype=torch.int64)
    return TextSplit(places, targets, flat, tuple(part.texts))

"""The text app's data, from files to batches in five steps: read, split, tokenize, fit, encode.

data = load(TextConfig(data="reviews.csv"))
data.train.take(slice(0, 2))   # (2, T) int32 word numbers, (2,) classes
data.fitted                    # the vocabulary and the classes, which a run keeps

Each step takes what the one before gives: a Corpus, its Splits, their Tokens, FittedText, a Dataset.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from apps.text.config import TextConfig, TextData
from apps.text.corpus import Corpus, read_corpus, read_foreign, remembered_form, same_data
from apps.text.reading.form import NOTHING, FormOptions
from apps.text.reading.labelled import Texts
from apps.text.reading.scripts import check_tokens
from apps.text.reading.tokenizers import WORDPIECE, normal_form, tokenizer
from apps.text.words import encoder_files, vectors
from apps.text.words.numbered import NumberedTexts, Numbering
from apps.text.words.ragged import TextSplit, split_of
from apps.text.words.vocabulary import EncoderShape, FittedText, Vocabulary, make_vocabulary
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.fetching.sources import available
from cnn_core.training.data import Dataset
from cnn_core.training.holdout import folds, hold_out

MOST_CLASSES = 1000


def load(config: TextConfig, fitted: FittedText | None = None, form: FormOptions = NOTHING) -> Dataset:
    """The data set that the configuration names; with `fitted`, in the words and classes of the run that has it.

    Data other than the run's, of which `form` tells how to read them, are test texts alone, all of them where they are
    not divided, and have no training texts. The data set's `fitted` has the digest of the data as they are now. Raises
    UserError where the data are not available, cannot be read, have one class only (a run's test texts may), or a class
    that the run does not have.
    """
    if config.texts.labels == "several" and config.data in available() and not config.texts.test:
        raise UserError(f"{config.data}: has one class a text; --texts.labels several is for files of your own")
    if fitted is None:
        corpus = read_corpus(config.data, config.texts)
        _print(corpus.notes)
        labels = class_names(corpus)
        splits = split(corpus, config.texts)
        _print(splits.notes)
        given = encoder(config)
        tokens = tokenize(splits, config.texts, given and given[1])
        _print(check_tokens(config.data, splits.train.texts, tokens.train, config.texts.tokenizer))
        if given:
            fitted = FittedText(config.data, labels, given[1], given[0].width, encoder=given[0])
        else:
            fitted = fit(config, labels, tokens)
        fitted = replace(fitted, form=corpus.form)
    elif same_data(config.data, fitted.data):  # as when the run began, which printed the notes
        corpus = read_corpus(fitted.data, config.texts, remembered_form(config, fitted))
        splits = split(corpus, config.texts)
        tokens = tokenize(splits, config.texts, fitted.vocabulary)
        if fitted.digest and corpus.digest != fitted.digest:
            note(f"{config.data}: has changed since the run was trained on it (sha256 {corpus.digest[:12]})")
    else:
        corpus = read_foreign(config, fitted, form)
        _print(corpus.notes)
        if fitted.digest and corpus.digest == fitted.digest:
            note(f"{config.data}: holds the very texts that the run was trained on")
        splits = all_for_testing(corpus)
        _print(splits.notes)
        tokens = tokenize(splits, config.texts, fitted.vocabulary)
    return encode(splits, tokens, replace(fitted, digest=corpus.digest))


# 1. Read (corpus.py): a named data set, a file or a folder -> texts and labels


def class_names(corpus: Corpus) -> tuple[str, ...]:
    """The classes: as the data set declares them, else those of the labels, numbers in the order of their values.

    Raises UserError for fewer than two and more than 1,000.
    """
    if corpus.classes:
        return corpus.classes
    labels = corpus.parts["all" if "all" in corpus.parts else "train"].labels
    if several(corpus.form):
        labels = [name for label in labels for name in json.loads(label)]
    names = sorted(set(labels), key=lambda name: (not name.lstrip("-").isdigit(), _value(name), name))
    if len(names) < 2:
        found = f"one class only ({names[0]!r})" if names else "no texts"
        raise UserError(f"{corpus.data}: has {found}; at least two classes are needed")
    if len(names) > MOST_CLASSES:
        raise UserError(
            f"{corpus.data}: has {len(names)} different labels, and at most {MOST_CLASSES} are possible;"
            " see --texts.label"
        )
    return tuple(names)


def several(form: FormOptions) -> bool:
    """Whether a text may have several labels; each is then a JSON list of names."""
    return form.labels == "several"


def rarest(labels: Sequence[str]) -> list[str]:
    """The rarest label of each text that may have several, "" for none: what splits keep in proportion."""
    sets = [json.loads(label) for label in labels]
    counts = Counter(name for each in sets for name in each)
    return [min(each, key=lambda name: (counts[name], name), default="") for each in sets]


def _value(name: str) -> int:
    return int(name) if name.lstrip("-").isdecimal() and len(name) < 19 else 0


# 2. Split: texts to train with, to test, and (where the source has them) to validate


@dataclass(frozen=True)
class Splits:
    """Texts by split."""

    data: str
    train: Texts
    test: Texts
    validation: Texts | None = None
    notes: tuple[str, ...] = ()
    """How an undivided corpus was split."""


def split(corpus: Corpus, options: TextData) -> Splits:
    """The source's own splits; of an undivided corpus, a fold or a share of each class is the test split.

    Texts of one normal form stay on one side. The choice depends on texts, labels and options alone, not on tokens, so
    that all presets and linear models have the same splits. Raises UserError where too few texts differ.
    """
    if "all" not in corpus.parts:
        return _source_splits(corpus)
    texts = corpus.parts["all"]
    groups = [normal_form(text) for text in texts.texts]
    try:
        strata = rarest(texts.labels) if several(corpus.form) else texts.labels
        if options.folds:
            chosen = folds(strata, options.folds, options.split_seed, groups) == options.fold
        else:
            chosen = hold_out(strata, options.test_share, options.split_seed, groups)
    except UserError as error:
        raise UserError(f"{corpus.data}: {error}") from None
    how = (
        f"fold {options.fold} of {options.folds}" if options.folds else f"about {options.test_share:.0%} of each class"
    )
    line = f"{corpus.data}: {chosen.sum()} of {len(texts)} texts for testing ({how}, seed {options.split_seed})"
    repeated = len(groups) - len(set(groups))
    if repeated:
        line += f"; {counted(repeated, 'copy', 'copies')} of others on the same side"
    return Splits(corpus.data, texts.subset(~chosen), texts.subset(chosen), notes=(line,))


def all_for_testing(corpus: Corpus) -> Splits:
    """All texts of an undivided corpus as the test split, the source's own test split of any other; no training."""
    nothing = Texts([], [])
    if "all" in corpus.parts:
        return Splits(corpus.data, nothing, corpus.parts["all"])
    others = sum(len(texts) for part, texts in corpus.parts.items() if part != "test")
    line = f"{corpus.data}: its own test split is measured, without its {others} other texts"
    return Splits(corpus.data, nothing, corpus.parts["test"], notes=(line,))


def _source_splits(corpus: Corpus) -> Splits:
    return Splits(corpus.data, corpus.parts["train"], corpus.parts["test"], corpus.parts.get("validation"))


# 3. Tokenize


@dataclass(frozen=True)
class Tokens:
    """The tokens of each text, by split."""

    train: NumberedTexts
    test: NumberedTexts
    validation: NumberedTexts


def tokenize(splits: Splits, options: TextData, vocabulary: Vocabulary | None = None) -> Tokens:
    """Tokens of all texts, each text cut to `options.longest`; as `vocabulary` cuts them, where there is one."""
    if vocabulary:
        split_text, longest = vocabulary.tokenize, None
    else:
        split_text, longest = tokenizer(options.cut), options.longest or None
    parts, numbering = (splits.train, splits.test, splits.validation or Texts([], [])), Numbering()
    return Tokens(*(numbering.rows(split_text(text)[:longest] for text in part.texts) for part in parts))


# 4. Fit: what the training texts decide


def encoder(config: TextConfig) -> tuple[EncoderShape, Vocabulary] | None:
    """Shape and pieces of the encoder that makes the word vectors; None where a table does.

    Raises UserError where tokenizer and source do not fit together.
    """
    source, pieces = config.vectors.source, config.texts.tokenizer == WORDPIECE
    if pieces != encoder_files.is_encoder(source):
        need = (
            "needs an encoder as vectors.source: minilm, or a folder" if pieces else "needs texts.tokenizer wordpiece"
        )
        raise UserError(f"{'texts.tokenizer wordpiece' if pieces else f'vectors.source {source}'} {need}")
    if not pieces:
        return None
    files = encoder_files.encoder_files(source)
    shape, most = encoder_files.read_shape(files.config), config.texts.longest
    longest = min(most or shape.positions, shape.positions - 2)
    return shape, encoder_files.read_pieces(files.pieces, longest)


def fit(config: TextConfig, labels: tuple[str, ...], tokens: Tokens) -> FittedText:
    """The vocabulary of the training texts, the classes, and the width of the given word vectors.

    Raises UserError where no word is frequent enough.
    """
    texts, given = config.texts, config.vectors
    unseen = vectors.frequent_words(given.source, given.unseen) if given.unseen else ()
    vocabulary = make_vocabulary(
        tokens.train.counts(),
        texts.cut,
        most=texts.most_words,
        least_count=texts.least_count,
        longest=texts.longest,
        unseen=unseen,
    )
    if len(vocabulary) - vocabulary.unseen <= 2:
        raise UserError(f"{config.data}: no word occurs {texts.least_count} times in the training texts")
    return FittedText(config.data, labels, vocabulary, vectors.width(given.source, given.width) if given.source else 0)


# 5. Encode: word numbers and class numbers


def encode(splits: Splits, tokens: Tokens, fitted: FittedText) -> Dataset:
    """The splits as tensors. Raises UserError for a class that the network does not have, and without test texts."""
    if not len(splits.test):
        raise UserError(f"{splits.data}: has no test texts")
    named, validation = splits.data in available(), None
    if splits.validation is not None:
        validation = _encoded(splits.validation, tokens.validation, fitted, f"{splits.data}, validation")
    return Dataset(
        splits.data if named else Path(splits.data).expanduser().resolve().name,
        _encoded(splits.train, tokens.train, fitted, f"{splits.data}, train"),
        _encoded(splits.test, tokens.test, fitted, f"{splits.data}, test"),
        fitted.labels,
        validation,
        fitted,
    )


def _encoded(texts: Texts, tokens: NumberedTexts, fitted: FittedText, where: str) -> TextSplit:
    numbers = {label: number for number, label in enumerate(fitted.labels)}
    sets = [json.loads(label) if several(fitted.form) else [label] for label in texts.labels]
    foreign = sorted({label for each in sets for label in each} - set(fitted.labels))
    if foreign:
        raise UserError(f"{where}: the network has no class {foreign[0]!r}, only {', '.join(fitted.labels[:12])}")
    places, flat = map(torch.from_numpy, fitted.vocabulary.places(tokens))
    if several(fitted.form):
        targets = torch.zeros(len(sets), len(fitted.labels), dtype=torch.uint8)
        for row, each in enumerate(sets):
            targets[row, [numbers[label] for label in each]] = 1
    else:
        targets = torch.tensor([numbers[label] for label in texts.labels], dtype=torch.int64)
    return TextSplit(places, targets, flat, tuple(texts.texts))


# Texts to predict


def encode_texts(vocabulary: Vocabulary, texts: Sequence[str]) -> TextSplit:
    """Texts without classes as a split (all targets 0)."""
    return split_of([vocabulary.encode(vocabulary.tokenize(text)) for text in texts], texts)


def _print(notes: Sequence[str]) -> None:
    for line in notes:
        note(line)

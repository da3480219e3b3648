"""What --data names, read: texts and labels by split, and what a run remembers of how that was done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

from apps.text.config import DATA_SETS, TextConfig, TextData
from apps.text.reading.data_sets import read_named
from apps.text.reading.files import plain_name
from apps.text.reading.folders import read_class_folder
from apps.text.reading.form import AUTO, Form, FormOptions
from apps.text.reading.labelled import Texts, read_labelled
from apps.text.reading.tables import KINDS
from apps.text.words.vocabulary import FittedText
from cnn_core.errors import UserError
from cnn_core.fetching.sources import available

SPLIT_NAMES = {"train": ("train", "training"), "test": ("test",), "validation": ("validation", "valid", "val", "dev")}
"""What people call the folder or table of a split."""


@dataclass(frozen=True)
class Corpus:
    """Texts with labels as the source has them: by split (train, test, validation), or undivided as `all`."""

    data: str
    """What the user called it."""
    parts: Mapping[str, Texts]
    classes: tuple[str, ...] = ()
    """The classes in their order, where the data set declares them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed about the files."""
        return tuple(line for texts in self.parts.values() for line in texts.notes)

    @property
    def form(self) -> Form:
        """How the training texts were read."""
        return self.parts["all" if "all" in self.parts else "train"].form

    @cached_property
    def digest(self) -> str:
        """sha256 of the texts and labels, in their order, by split."""
        found = hashlib.sha256()
        for part in sorted(self.parts):
            for row in zip(self.parts[part].texts, self.parts[part].labels, strict=True):
                found.update(json.dumps([part, *row]).encode())
        return found.hexdigest()


def read_corpus(data: str, options: TextData, trained: Form = AUTO, classes: Sequence[str] = ()) -> Corpus:
    """The texts of a named data set, a file or a folder; `trained` is how the training data were read.

    Of data that a run is tested on, `classes` are the run's. Raises UserError where it is missing or cannot be read.
    """
    if data in available() and not options.test:
        return Corpus(data, *read_named(data))
    path, form = Path(data).expanduser(), form_of(options)
    if not path.exists():
        raise UserError(f"no data set, file or folder is named {data!r} (data sets: {', '.join(DATA_SETS)})")
    inside = sorted(path.iterdir()) if path.is_dir() else []
    stems = {entry: Path(plain_name(entry)).stem for entry in inside}
    entries = {
        part: min(matches, key=lambda entry: names.index(stems[entry]))
        for part, names in SPLIT_NAMES.items()
        if (matches := [entry for entry in inside if stems[entry] in names])
    }
    if options.test:
        test = Path(options.test).expanduser()
        if not test.exists():
            raise UserError(f"--texts.test {options.test}: no such file or folder")
        entries = {**(entries if "train" in entries else {"train": path}), "test": test}
    elif not {"train", "test"} <= set(entries):
        entries = {"all": path}
    parts = {}
    for part in sorted(entries, key=["all", "train", "validation", "test"].index):
        parts[part] = read_texts(entries[part], form, trained, classes)
        trained = trained if trained != AUTO else parts[part].form  # the test file has the columns of the training
    return Corpus(data, parts)


def read_foreign(config: TextConfig, fitted: FittedText, form: FormOptions) -> Corpus:
    """Data other than the run's: read as `form` says, else as its training data were where that fits, all of them."""
    table = Path(plain_name(Path(config.data))).suffix.lower() in KINDS
    trained = config.texts
    said = {field.name: getattr(form, field.name) for field in fields(FormOptions)}
    said["delimiter"] = form.delimiter or ("" if table else trained.delimiter)
    said["labels"] = trained.labels
    said["quote"] = form.quote if form.quote != "auto" else trained.quote
    options = replace(trained, test="", **said)
    return read_corpus(config.data, options, remembered_form(config, fitted), fitted.labels)


def remembered_form(config: TextConfig, fitted: FittedText) -> Form:
    """How the training data of a run were read; of runs of earlier versions, what the options say."""
    return fitted.form if fitted.form != AUTO else form_of(config.texts)


def form_of(options: FormOptions) -> Form:
    """What the options say about files."""
    return Form(**{field.name: getattr(options, field.name) for field in fields(FormOptions)})


def read_texts(path: Path, form: Form = AUTO, trained: Form = AUTO, classes: Sequence[str] = ()) -> Texts:
    """Texts with labels from a file, or from a folder of classes. Raises UserError where they cannot be read."""
    if path.is_dir():
        if form.labels == "several":
            raise UserError(f"{path}: a folder of classes has one label a text; {form.option('labels')} needs a file")
        return read_class_folder(path, replace(form, encoding=form.encoding or trained.encoding), 1 if classes else 2)
    return read_labelled(path, form, trained, classes)


def same_data(data: str, other: str) -> bool:
    """Whether two names are of the same data set, file or folder."""
    if data == other or {data, other} & set(available()):
        return data == other
    return Path(data).expanduser().resolve() == Path(other).expanduser().resolve()

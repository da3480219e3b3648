"""Readers of the data sets that have a manifest: verified files to texts by split."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Callable
from typing import Any

from apps.text.reading.files import decode, lines_of, read_bytes
from apps.text.reading.form import Form
from apps.text.reading.labelled import Texts
from cnn_core.errors import UserError
from cnn_core.fetching.archives import open_member
from cnn_core.fetching.sources import Fetched, fetch, load_manifest

Parts = dict[str, Texts]
"""By split: train, validation, test; or `all`, from which the test split is still to be chosen."""


def read_named(name: str) -> tuple[Parts, tuple[str, ...]]:
    """The texts by split and the classes, in their order, of a data set with a manifest.

    Raises UserError where it is not available, or is not what its manifest says.
    """
    manifest = load_manifest(name)
    fetched = fetch(manifest)
    reader = READERS.get(fetched.alternative.reader)
    if reader is None:
        raise UserError(f"{name}: is not a data set of texts (word vectors go to --vectors.source); see prepare --list")
    parts = reader(fetched, manifest.options)
    for split, count in manifest.splits.items():
        if len(parts[split]) != count:
            raise UserError(f"{name}: its files hold {len(parts[split])} texts in {split}, expected {count}")
    return parts, manifest.classes


def _snippets(fetched: Fetched, options: dict[str, Any]) -> Parts:
    """Snippets with mean human scores: the sign is the class; scores near zero are left out."""
    with open_member(fetched.role("archive"), options["member"]) as stream:
        lines = lines_of(decode(stream.read(), options["member"]))
    texts, labels = [], []
    for line in lines:
        _, score, text = line.split("\t", 2)
        if abs(float(score)) >= options["least_score"]:
            texts.append(text)
            labels.append("positive" if float(score) > 0 else "negative")
    return {"all": Texts(texts, labels)}


def _class_files(fetched: Fetched, options: dict[str, Any]) -> Parts:
    """One file for each class, a text a line; the role is the class."""
    texts: list[str] = []
    labels: list[str] = []
    for spec in fetched.alternative.files:
        found = _lines(fetched, spec.role, options)
        texts += found
        labels += [spec.role] * len(found)
    return {"all": Texts(texts, labels)}


def _labelled_lines(fetched: Fetched, options: dict[str, Any]) -> Parts:
    """One file for each split, lines `label text`; `names` maps what stands there to the class."""
    parts = {}
    for spec in fetched.alternative.files:
        texts, labels = [], []
        for line in _lines(fetched, spec.role, options):
            label, _, text = line.partition(" ")
            texts.append(text)
            labels.append(options["names"][label.partition(":")[0]])
        parts[spec.role] = Texts(texts, labels)
    return parts


def _numbered_csv(fetched: Fetched, options: dict[str, Any]) -> Parts:
    """CSV files without a header: number of the class from 1, then pieces of text."""
    parts = {}
    for spec in fetched.alternative.files:
        rows = list(csv.reader(io.StringIO(decode(read_bytes(fetched.role(spec.role)), spec.name), newline="")))
        parts[spec.role] = Texts([" ".join(row[1:]) for row in rows], [options["names"][row[0]] for row in rows])
    return parts


def _reviews(fetched: Fetched, options: dict[str, Any]) -> Parts:
    """A tar archive with <split>/<class>/*.txt."""
    found: dict[str, list[tuple[str, str, str]]] = {"train": [], "test": []}
    with tarfile.open(fetched.role("archive")) as archive:
        for member in archive:
            _, split, label, name = (["", *member.name.split("/")])[-4:] if member.isfile() else [""] * 4
            stream = archive.extractfile(member) if split in found and label in options["names"] else None
            if stream is not None:
                found[split].append((options["names"][label], name, decode(stream.read(), member.name)))
    return {
        split: Texts([text for *_, text in rows], [label for label, *_ in rows])
        for split, rows in ((split, sorted(rows)) for split, rows in found.items())
    }


def _lines(fetched: Fetched, role: str, options: dict[str, Any]) -> list[str]:
    path = fetched.role(role)
    text = decode(read_bytes(path), path.name, Form(encoding=options.get("encoding", "")))
    return [line for line in lines_of(text) if line.strip()]


READERS: dict[str, Callable[[Fetched, dict[str, Any]], Parts]] = {
    "snippets": _snippets,
    "class-files": _class_files,
    "labelled-lines": _labelled_lines,
    "numbered-csv": _numbered_csv,
    "reviews": _reviews,
}

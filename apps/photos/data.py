"""The photos app's data: a user's folder or CSV, CIFAR by name, or pieces of the sample photographs.

    data = load(PhotosConfig(data="FOLDER", side=64))
    data.train.inputs                 # (N, 3, 64, 64) uint8, RGB
    read("photo.jpg", data.fitted)    # (3, 64, 64) uint8

Decoded arrays are kept in the cache, so that a second load takes milliseconds.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from apps.photos import features
from apps.photos.config import DATA_SETS, PhotosConfig
from apps.photos.corpora import cifar, files, framing, listing, pieces
from apps.photos.corpora.corpus import Corpus, Photos, divided
from apps.photos.fitted import FittedPhotos
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.fetching import decoded
from cnn_core.fetching.mapped import Values
from cnn_core.fetching.sources import available, cache_folder, fetch, load_manifest
from cnn_core.training.data import Dataset, evenly

__all__ = ["load", "read"]

DECODING = 1  # counted up when decoding changes, so that arrays decoded before are not used


def read(source: str | Path | bytes, fitted: FittedPhotos) -> np.ndarray:
    """One picture as (3, S, S) uint8, framed as the training pictures were. Raises UserError for anything else."""
    return framing.read(source, fitted.side, fitted.frame)


def load(config: PhotosConfig, fitted: FittedPhotos | None = None, *, progress: bool = True) -> Dataset:
    """The data set that the configuration names; pictures are framed as `fitted` says, where it is given.

    Raises UserError where the data are not available, cannot be read or are too few.
    """
    if fitted is not None:
        config = replace(config, side=fitted.side, frame=fitted.frame)
    corpus = _corpus(config, progress)
    if corpus.skipped:
        note(f"{config.data}: {counted(len(corpus.skipped), 'picture')} left out (first: {corpus.skipped[0]})")
    if config.backbone != "none" and not config.tuned:
        features.remember(config, corpus.images, progress)
    data = corpus.dataset()
    train = data.train
    assert isinstance(train, Photos)
    if config.shots:
        train = few(train, config.shots)
    return replace(data, train=train, fitted=fitted or fitted_of(config, train))


def few(train: Photos, shots: int) -> Photos:
    """`shots` pictures of each class, spread evenly over those there are."""
    rows = [(train.targets == label).nonzero()[:, 0] for label in train.targets.unique()]
    return train.subset(torch.cat([own[evenly(len(own), shots)] for own in rows]))


def _corpus(config: PhotosConfig, progress: bool) -> Corpus:
    if config.data == pieces.NAME:
        return _pieces(config, progress)
    if config.data in available() and config.data in DATA_SETS:
        return _cifar(config, progress)
    place = files.named(config.data)
    if place is None:
        names = ", ".join((pieces.NAME, *DATA_SETS))
        raise UserError(f"no data set, folder or CSV file is named {config.data!r} (data sets: {names})")
    found = listing.listed(place)
    key = f"{listing.stamp(found.entries)}{config.side}{config.frame}{config.skip_bad}"
    return _cached("photo-folders", key, lambda grow: files.read_files(found, config, progress, grow))


def _cached(folder: str, key: str, make) -> Corpus:
    """The corpus from the cache; if it is not there, it is made and stored."""
    digest = hashlib.sha256(f"{DECODING}{key}".encode()).hexdigest()[:16]
    path = cache_folder() / folder / f"pictures-{digest}.safetensors"
    arrays = decoded.load(path)
    if arrays is not None:
        return Corpus.of_arrays(arrays)
    corpus = make(partial(decoded.growing, path, "images"))
    decoded.save(path, corpus.arrays())
    return corpus


def _pieces(config: PhotosConfig, progress: bool) -> Corpus:
    found = pieces.photographs(progress)
    images, targets, parts = pieces.pieces(found, config.side)
    # Pieces of one sky are alike without being copies, and the cells keep the splits apart.
    return Corpus(pieces.NAME, tuple(found), images, targets, parts, np.arange(len(images)))


def _cifar(config: PhotosConfig, progress: bool) -> Corpus:
    manifest = load_manifest(config.data)
    (spec,) = (file for entry in manifest.alternatives for file in entry.files)
    files.check_size(config.data, sum(manifest.splits.values()), config.side)

    def make(_: object) -> Corpus:
        (archive,) = fetch(manifest, progress=progress).files.values()
        classes = len(manifest.classes)
        images, targets, parts = cifar.read_archive(archive, manifest.options, manifest.splits, classes)
        return divided(manifest.name, manifest.classes, images, targets, parts, given=True)

    found = _cached(manifest.dataset, f"{spec.digest}{manifest.options}", make)
    return found if config.side == 32 else replace(found, images=_scaled(found.images, config.side))


def _scaled(images: Values, side: int) -> np.ndarray:
    """(N, 3, S, S) uint8 -> (N, 3, side, side)."""
    scaled = np.empty((len(images), 3, side, side), np.uint8)
    for start in range(0, len(images), 1024):
        part = torch.from_numpy(images[start : start + 1024]).float()
        part = functional.interpolate(part, (side, side), mode="bicubic", antialias=True)
        scaled[start : start + 1024] = part.round().clamp(0, 255).to(torch.uint8).numpy()
    return scaled


def fitted_of(config: PhotosConfig, train: Photos) -> FittedPhotos:
    """Mean and standard deviation of the colours of up to 5,000 training pictures."""
    some = train.inputs[evenly(len(train), 5000)].double().transpose(0, 1).flatten(1)  # (3, P)
    mean, sd = some.mean(1).tolist(), some.std(1, correction=0).clamp(min=1.0).tolist()
    return FittedPhotos(config.side, config.frame, (mean[0], mean[1], mean[2]), (sd[0], sd[1], sd[2]))

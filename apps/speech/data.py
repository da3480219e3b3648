"""The speech app's data: a named set, a user's folder, or words spoken by synthetic voices.

    data = load_data("fsdd", split="speaker:george")
    data.train.inputs                 # (2000, 16000) int16, one second at 16 kHz
    data.train.speakers               # (2000,) int64 into data.train.names

Decoded clips are stored in the cache; loading them again takes a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from apps.speech.config import SpeechConfig
from apps.speech.corpora import fsdd, speech_commands
from apps.speech.corpora.clips import Clips, Corpus, few, join, numbered, renumbered
from apps.speech.corpora.entries import Reading
from apps.speech.corpora.folders import read_folder, stamp
from apps.speech.others import listening, pool
from apps.speech.voices import synthesis
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching import decoded
from cnn_core.fetching.archives import read_members
from cnn_core.fetching.manifests import Manifest
from cnn_core.fetching.mapped import Growing
from cnn_core.fetching.sources import Fetched, available, cache_folder, fetch, load_manifest
from cnn_core.training.data import Dataset

__all__ = ["load", "load_corpus", "load_data", "numbered"]

DEFAULT_READING = Reading()
SILENT = ("unknown", "silence")
Grow = Callable[[int], Growing]
DECODING = 4  # version of the decoding; a new one makes older copies in the cache invalid


def load(config: SpeechConfig) -> Dataset:
    """The data set of a configuration, with its `shots` and `also`."""
    for option, folder in (("negatives", config.negatives), ("noise", config.noise)):
        pool.check_folder(folder, option)  # before voices are made, which takes long
    found = load_corpus(config.data, Reading(config.speakers, config.layout, config.skip_bad))
    data = found.dataset(config.split)
    train = data.train
    assert isinstance(train, Clips)
    if config.shots:
        train = few(train, config.shots)
    if config.also:
        other = renumbered(load_corpus(config.also, Reading(skip_bad=config.skip_bad)), found.labels, found.name)
        train = join(train, other.split(other.parts <= 2))
    return _among_others(replace(data, train=train), config)


def _among_others(data: Dataset, config: SpeechConfig) -> Dataset:
    """The data set with the classes `unknown` and `silence`, where they are asked for and it has none of its own.

    The test split of spoken words has them too; other data are tested on their own words alone.
    """
    if any(label.strip("_").lower() in SILENT for label in data.labels):
        return data
    spoken = synthesis.parse(config.data)
    if not config.unknown:
        listening.check_one_word(data.labels, data.name)
        return data
    language = config.others.language or (spoken.language if spoken else "en")
    config = replace(config, others=replace(config.others, language=language))
    return listening.among_others(data, config, spoken.words if spoken else data.labels, tested=spoken is not None)


def load_data(data: str, split: str = "official", *, progress: bool = True) -> Dataset:
    """A data set by name or folder, divided by `split`. Raises UserError if it is not available."""
    return load_corpus(data, progress=progress).dataset(split)


def load_corpus(data: str, reading: Reading = DEFAULT_READING, *, seed: int = 0, progress: bool = True) -> Corpus:
    """All clips of a data set: by name, as voices:LANGUAGE:word,word,... or a folder.

    `reading` describes a folder. Raises UserError if the data are not available or cannot be read.
    """
    spoken = synthesis.parse(data)
    named = data in available() and load_manifest(data).alternatives[0].reader in READERS
    if (spoken is not None or named) and (reading.speakers or reading.given_layout):
        raise UserError(f"--speakers and --layout are for folders, and {data} is not one")
    if spoken is not None:
        return _cached("voices", f"{spoken}", lambda _: synthesis.speak(spoken, progress))
    path = Path(data).expanduser()
    if named:
        manifest = load_manifest(data)
        digests = "".join(spec.digest[1] for entry in manifest.alternatives for spec in entry.files)
        key = f"{manifest.name}{digests}{manifest.options}"
        return _cached(manifest.dataset, key, lambda grow: _fetched(manifest, progress, grow))
    if path.is_dir():
        key = f"{path.resolve()}{seed}{stamp(path, reading)}{reading}"
        corpus = _cached("speech-folders", key, lambda grow: read_folder(path, reading, seed, progress, grow))
        if corpus.skipped:
            note(f"{data}: bad recordings left out: {len(corpus.skipped)} (first: {corpus.skipped[0]})")
        return corpus
    names = [name for name in available() if load_manifest(name).alternatives[0].reader in READERS]
    raise UserError(
        f"no data set and no folder is named {data!r} (data sets: {', '.join([*synthesis.NAMED, *names])};"
        " or voices:LANGUAGE:word,word,...)"
    )


def _cached(folder: str, key: str, make: Callable[[Grow], Corpus]) -> Corpus:
    """The corpus from the cache; if it is not there, it is made, its clips in what it asks for, and stored."""
    digest = hashlib.sha256(f"{DECODING}{key}".encode()).hexdigest()[:16]
    path = cache_folder() / folder / f"clips-{digest}.safetensors"
    arrays = decoded.load(path)
    if arrays is not None:
        return Corpus.of_arrays(arrays)
    corpus = make(partial(decoded.growing, path, "clips"))
    decoded.save(path, corpus.arrays())
    return corpus


def _fetched(manifest: Manifest, progress: bool, grow: Grow) -> Corpus:
    fetched = fetch(manifest, progress=progress)
    corpus = READERS[fetched.alternative.reader](fetched, manifest, progress, grow)
    missing = sorted(set(manifest.classes) ^ set(corpus.labels))
    if missing:
        raise UserError(f"{', '.join(fetched.files)}: the words differ from the manifest's ({', '.join(missing[:6])})")
    return renumbered(corpus, manifest.classes, manifest.name)


def _read_fsdd(fetched: Fetched, manifest: Manifest, progress: bool, _: Grow) -> Corpus:
    (archive,) = fetched.files.values()
    members = [(name, data) for name, data in read_members(archive, 1 << 26) if fsdd.NAME.fullmatch(Path(name).name)]
    members = sorted((name, data) for name, data in members if data is not None)
    if not members:
        raise UserError(f"{archive}: holds no recordings")
    return fsdd.read_fsdd(manifest.name, [name for name, _ in members], [data for _, data in members], progress)


def _read_commands(fetched: Fetched, manifest: Manifest, progress: bool, grow: Grow) -> Corpus:
    (archive,) = fetched.files.values()
    return speech_commands.read_archive(archive, manifest.name, manifest.options["task"], progress, grow)


READERS = {"fsdd": _read_fsdd, "speech-commands": _read_commands}

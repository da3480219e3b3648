"""prepare: fetch and verify a data set, or have synthetic voices speak a word list."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from cnn_core.app import App
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.fetching.sources import available, cache_folder, fetch, load_manifest
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser, preset
from cnn_core.verbs.prepare import PrepareOptions as SharedOptions
from cnn_core.verbs.prepare import run as shared_run
from cnn_core.verbs.prepare import verified
from cnn_core.verbs.sharing.networks import with_networks


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(SharedOptions):
    """Options of prepare."""

    words: str = ""
    """Words for synthetic voices to speak, separated by commas."""
    language: str = "en"
    """Language of the words, as eSpeak NG calls it: en, en-us, de, fr, cmn, ..."""
    speakers: str = ""
    """CSV file with the columns file and speaker for the recordings of a folder; paths are relative to it."""
    layout: Literal["auto", "word/speaker", "speaker/word"] = "auto"
    """What two levels of folders stand for; auto recognizes it where it can."""
    skip_bad: bool = False
    """Leave out recordings that cannot be read."""


parse = parser(PrepareOptions, "Fetch, verify and decode a data set, or have synthetic voices speak words.")


@verified
def run(app: App, options: PrepareOptions) -> Outcome:
    """List the data sets, or load one and count its clips, word by word."""
    from apps.speech import data
    from apps.speech.corpora.clips import counted
    from apps.speech.corpora.entries import Reading
    from apps.speech.voices import synthesis

    if options.words and options.data:
        raise UserError("--words and --data exclude each other: give one of them")
    if options.list:
        return _listing(app, shared_run(app, replace(options, verify=False)), synthesis.NAMED.values())
    config: Any = preset(app, app.default_preset)
    name = f"voices:{options.language}:{options.words}" if options.words else options.data or config.data
    if options.verify and name in available():
        fetch(load_manifest(name), progress=not options.common.json)
    reading = Reading(options.speakers, options.layout, options.skip_bad)
    corpus = data.load_corpus(name, reading)
    source = corpus.dataset("official")
    counts = counted(corpus)
    result: dict[str, Any] = {"data": corpus.name, "train": len(source.train), "test": len(source.test)}
    result |= {"validation": len(source.validation) if source.validation else 0, "labels": [*corpus.labels]}
    result |= {"speakers": [*corpus.names], "cache": str(cache_folder())}
    result["counts"] = {word: {"train": a, "validation": b, "test": c} for word, a, b, c in counts}
    parts = [table(["word", "train", "validation", "test"], [*map(list, counts), ["all", *_sums(counts)]])]
    about = [["speakers", f"{len(corpus.names)}: {' '.join(corpus.names[:8])}{' …' if len(corpus.names) > 8 else ''}"]]
    if name in available():
        card = load_manifest(name)
        result |= {"title": card.title, "licence": card.licence, "citation": card.citation}
        about += [["title", card.title], ["licence", card.licence], ["cite", card.citation]]
    parts.append(table(["prepared", corpus.name], about))
    arguments = ["--data", name]
    arguments += ["--speakers", options.speakers] if options.speakers else []
    arguments += ["--layout", options.layout] if options.layout != "auto" else []
    arguments += ["--skip-bad"] if options.skip_bad else []
    parts.append(f"next: {app.prog} train {shlex.join(arguments)}")
    return Outcome(result, "\n\n".join(parts))


def _listing(app: App, found: Outcome, spoken: Iterable[Any]) -> Outcome:
    """The synthetic data sets, then those that are fetched."""
    cards = (found.data or {})["data_sets"]
    made = [
        {
            "name": s.name,
            "title": f"words spoken by synthetic voices ({s.language})",
            "licence": "made here",
            "splits": {},
        }
        for s in spoken
    ]
    rows = [[c["name"], c["title"], sum(c["splits"].values()) or None, c["licence"]] for c in made + cards]
    text = table(["name", "title", "samples", "licence"], rows)
    return with_networks(app, Outcome({"data_sets": made + cards}, text))


def _sums(counts: list[tuple[str, int, int, int]]) -> list[int]:
    return [sum(numbers) for numbers in list(zip(*counts, strict=True))[1:]]

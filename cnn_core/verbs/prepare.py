"""prepare: fetch a data set and verify it, so that everything later works without a network."""

from dataclasses import dataclass, replace
from typing import Any

from cnn_core.app import App
from cnn_core.drawing.tables import table
from cnn_core.fetching.sources import available, cache_folder, load_manifest
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser, preset


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(Shared):
    """Options of prepare."""

    data: str = ""
    """Name of a data set, or a folder of your own; the default preset's when left out."""
    list: bool = False
    """Only list the data sets."""


parse = parser(PrepareOptions, "Fetch a data set from the first source that has it, verify it, and decode it.")


def run(app: App, options: PrepareOptions) -> Outcome:
    """List the manifests, or load one data set and say what it holds."""
    if options.list:
        return _listing(app)
    config: Any = preset(app, app.default_preset)
    config = replace(config, data=options.data or config.data)
    source = app.load(config)
    result: dict[str, Any] = {"data": source.name, "train": len(source.train), "test": len(source.test)}
    result |= {"labels": [*source.labels], "cache": str(cache_folder())}
    rows = [["training samples", len(source.train)], ["test samples", len(source.test)]]
    rows += [
        ["classes", f"{len(source.labels)}: {' '.join(source.labels[:12])}{' …' if len(source.labels) > 12 else ''}"]
    ]
    if config.data in available(app.manifests):
        card = load_manifest(config.data, app.manifests)
        result |= {"title": card.title, "licence": card.licence, "citation": card.citation}
        rows += [["title", card.title], ["licence", card.licence], ["cite", card.citation]]
    return Outcome(result, table(["prepared", source.name], rows))


def _listing(app: App) -> Outcome:
    names = [n for n in available(app.manifests) if any(n == d or n.startswith(f"{d}-") for d in app.data_sets)]
    if not names:
        text = f"{app.prog} brings no data sets; give --data a folder or file of your own"
        return Outcome({"data_sets": []}, text)
    cards = list(
        {card.name: card for card in (load_manifest(n, app.manifests) for n in names)}.values()
    )  # two may be one
    rows = [[c.name, c.title, sum(c.splits.values()), len(c.classes), c.licence] for c in cards]
    data = [{"name": c.name, "title": c.title, "licence": c.licence, "splits": c.splits} for c in cards]
    return Outcome({"data_sets": data}, table(["name", "title", "samples", "classes", "licence"], rows))

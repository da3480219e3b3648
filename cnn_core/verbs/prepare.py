"""prepare: fetch a data set and verify it, so that everything later works without a network."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cnn_core.app import App
from cnn_core.drawing.tables import table
from cnn_core.fetching.sources import available, cache_folder, fetch, load_manifest
from cnn_core.fetching.stamps import verifying
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser, preset
from cnn_core.verbs.sharing.networks import with_networks


@dataclass(frozen=True, kw_only=True)
class Verifying(Shared):
    """Base of the options of prepare."""

    verify: bool = False
    """Read every cached file of it in full and compare its sha256; what is damaged is fetched or made again."""


def verified(run: Callable[[App, Any], Outcome]) -> Callable[[App, Any], Outcome]:
    """A prepare that with `--verify` believes no file by its size and time, and says what it has read."""

    def checked(app: App, options: Any) -> Outcome:
        if not options.verify:
            return run(app, options)
        with verifying() as read:
            found = run(app, options)
        size = sum(read.values())
        text = f"{found.text}\n\nverified: {len(read)} files, {size / 2**20:,.1f} MiB read in full"
        return replace(
            found, data={**(found.data or {}), "verified": {"files": [*map(str, read)], "bytes": size}}, text=text
        )

    return checked


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(Verifying):
    """Options of prepare."""

    data: str = ""
    """Name of a data set, or a folder of your own; the default preset's when left out."""
    list: bool = False
    """Only list the data sets, and the ready-made networks."""


parse = parser(PrepareOptions, "Fetch a data set from the first source that has it, verify it, and decode it.")


@verified
def run(app: App, options: PrepareOptions) -> Outcome:
    """List the manifests, or load one data set and say what it holds."""
    if options.list:
        return with_networks(app, _listing(app))
    config: Any = preset(app, app.default_preset)
    config = replace(config, data=options.data or config.data)
    if options.verify and config.data in available(app.manifests):
        fetch(load_manifest(config.data, app.manifests), progress=not options.common.json)
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

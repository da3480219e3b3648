"""prepare: fetch and verify networks and sample photographs, so that everything later works without a network."""

from dataclasses import dataclass

from apps.dream.config import DEFAULT, PRESETS
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser
from cnn_core.verbs.prepare import Verifying, verified

ABOUT = "Fetch networks and sample photographs from the first source that has them, verify them, convert the weights."


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(Verifying):
    """Options of prepare."""

    names: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Networks and photographs, or all; the default network and the public-domain photographs when left out."""
    list: bool = False
    """Only list what there is."""


parse = parser(PrepareOptions, ABOUT)


@verified
def run(app: App, options: PrepareOptions) -> Outcome:
    """Fetch what is named, or list it."""
    from apps.dream.data import MANIFESTS, find, samples
    from apps.dream.model import load_backbone
    from cnn_core.fetching.sources import cache_folder, fetch, load_manifest
    from cnn_core.nn.backbones.pretrained import NETWORKS

    photos = samples()
    choices = [*PRESETS, *photos]
    if options.list:
        cards = {name: load_manifest(NETWORKS[name][0]) for name in PRESETS}
        nets = [{"name": n, "kind": "network", "title": c.title, "licence": c.licence} for n, c in cards.items()]
        pictures = [{"name": n, "kind": "photograph", "title": c, "licence": ""} for n, (_, c) in photos.items()]
        rows = [[entry["name"], entry["kind"], entry["title"], entry["licence"]] for entry in nets + pictures]
        return Outcome({"networks": nets, "photographs": pictures}, table(["name", "kind", "what", "licence"], rows))
    default = [DEFAULT, *(name for name, (manifest, _) in photos.items() if manifest == MANIFESTS[0])]
    names = choices if "all" in options.names else list(options.names) or default
    unknown = [name for name in names if name not in choices]
    if unknown:
        raise UserError(f"{unknown[0]}: no network and no photograph; choose from {', '.join(choices)}, all")
    rows, data = [], []
    for name in names:
        if name in PRESETS:
            if options.verify:
                fetch(load_manifest(NETWORKS[name][0]), progress=not options.common.json)
            model = load_backbone(name, progress=not options.common.json).model
            what = f"{sum(p.numel() for p in model.parameters()):,} weights"
        else:
            picture = find(name, progress=not options.common.json)
            what = f"{picture.pixels.shape[1]} x {picture.pixels.shape[0]} pixels; {picture.credit}"
        rows.append([name, what])
        data.append({"name": name, "what": what})
    text = table(["prepared", "what"], rows)
    return Outcome({"prepared": data, "cache": str(cache_folder())}, f"{text}\n\ncache: {cache_folder()}")

"""summary: the layers of a preset, as Keras prints them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.fetching.manifests import available, load_manifest
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import FromPreset, parse_preset


@dataclass(frozen=True, kw_only=True)
class SummaryOptions(FromPreset):
    """Options of summary beside the configuration."""

    depth: int = 1
    """1 shows the layers, 2 opens the blocks."""
    classes: int = 0
    """Number of classes; 0 takes those of the data set where they are known without loading it, else 2."""


def parse(app: App, prog: str, args: Sequence[str]) -> Any:
    """Options whose defaults are those of the preset that --preset names."""
    about = "Layers, output shapes, parameters and multiply-adds (products only) for one input."
    options = parse_preset(SummaryOptions, app, prog, args, about)
    if options.depth < 1:
        raise UserError(f"--depth must be at least 1, not {options.depth}")
    if options.classes < 0:
        raise UserError(f"--classes must be at least 0, not {options.classes}")
    return options


def run(app: App, options: Any) -> Outcome:
    """Build the network and walk through it."""
    from cnn_core.nn.summary import summary

    app, labels, inputs = example_of(app, options.config, options.classes)
    found = summary(app.build(options.config, labels), inputs[:1], options.depth)
    data = {"preset": options.preset or app.default_preset, "classes": len(labels), **found.to_json()}
    return Outcome(data, str(found))


def example_of(app: App, config: Any, classes: int = 0) -> tuple[App, tuple[str, ...], Any]:
    """The app, labels and a batch of inputs to build and to look at a network of `config` without training.

    No data are read where the app has an `example`.
    """
    if app.example is None:
        source = app.load(config)
        inputs, _ = source.test.take(slice(0, 2))
        labels = tuple(map(str, range(classes))) if classes else source.labels
        return app.with_fitted(source.fitted), labels, inputs
    labels = _labels(app, config, classes)
    if app.nominal:
        app = app.with_fitted(app.nominal(config))
    return app, labels, app.example(config, labels)  # type: ignore[misc]


def _labels(app: App, config: Any, classes: int) -> tuple[str, ...]:
    if app.labels:
        labels = app.labels(config)
        if classes and classes != len(labels):
            raise UserError(f"--classes {classes}: this configuration has {len(labels)} classes; leave the option out")
        return labels
    if not classes and config.data in available(app.manifests):
        labels = load_manifest(config.data, app.manifests).classes
        if labels:
            return labels
    return tuple(map(str, range(classes or 2)))

"""visualize: what the network has learned, as pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from cnn_core import config
from cnn_core.app import App, View
from cnn_core.config import positional
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parsed
from cnn_core.verbs.views import MAXIMIZE_OPTIONS, VIEWS
from cnn_core.visual.optimization.config import MaximizeConfig


@dataclass(frozen=True, kw_only=True)
class VisualizeOptions(Shared):
    """Options of visualize."""

    what: positional(str)  # type: ignore[valid-type]
    """What to show; see above."""
    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    layer: str = ""
    """Layer to look at, or one unit of it (conv2:7); a fitting layer when left out."""
    units: tuple[int, ...] = ()
    """Numbers of filters, neurons or classes; some spread evenly when left out."""
    count: int = 12
    """How many units, when they are not named."""
    exemplars: int = 8
    """How many of each filter."""
    input: str = ""
    """A file, or the number of a test sample."""
    maximize: config.flat(MaximizeConfig) = field(default_factory=MaximizeConfig)  # type: ignore[valid-type]
    """How to search for the input that excites a unit most."""
    out: Path | None = None
    """PNG to write; RUN/visualize/<what>-<layer>.png when left out."""


CHOICES = ("layer", "units", "count", "exemplars", "input")


def views_of(app: App) -> dict[str, View]:
    """What this app can show."""
    return VIEWS | dict(app.views)


def parse(app: App, prog: str, args: Sequence[str]) -> VisualizeOptions:
    """Options; raises UserError for something that this app cannot show, and for options that it does not read."""
    views = views_of(app)
    about = "What the network has learned. " + "; ".join(f"{name}: {view.about}" for name, view in views.items()) + "."
    options = parsed(VisualizeOptions, app, prog, args, about)
    options = replace(options, **layer_and_unit(options.layer, options.units))
    if options.what not in views:
        raise UserError(f"visualize {options.what}: unknown; it shows {', '.join(views)}")
    if min(options.count, options.exemplars) < 1:
        raise UserError("--count and --exemplars must be at least 1")
    view, given = views[options.what], {name: getattr(options, name) for name in CHOICES}
    missing = next((name for name in view.requires if not given[name]), None)
    if missing:
        raise UserError(f"visualize {options.what}: needs --{missing}")
    check_options(options.what, view.reads, given, VisualizeOptions)
    searched = {name: getattr(options.maximize, name) for name in MAXIMIZE_OPTIONS}
    check_options(options.what, view.reads, searched, MaximizeConfig)
    return options


def layer_and_unit(layer: str, units: tuple[int, ...]) -> dict[str, Any]:
    """`--layer conv2:7` is `--layer conv2 --units 7`. Raises UserError where both name units, or it is no number."""
    name, colon, unit = layer.rpartition(":")
    if not colon:
        return {"layer": layer, "units": units}
    if not unit.isdecimal() or units:
        raise UserError(f"--layer {layer}: behind the colon stands one unit, such as conv2:7; several go with --units")
    return {"layer": name, "units": (int(unit),)}


def check_options(what: str, reads: Sequence[str], given: Mapping[str, Any], options: type) -> None:
    """Raises UserError for an option given, other than its default in `options`, that the view does not read."""
    defaults = {each.name: each.default for each in fields(options)}
    for name, value in given.items():
        if value != defaults[name] and name not in reads:
            read = f"it reads {', '.join(f'--{n}' for n in reads)}" if reads else "it has no options"
            raise UserError(f"visualize {what}: does not read --{name}; {read}")


def run(app: App, options: VisualizeOptions) -> Outcome:
    """Draw the sheet."""
    from cnn_core import runs
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose(options.common.device, options.common.threads))
    return views_of(app)[options.what].module().view(trained.app, trained, options)

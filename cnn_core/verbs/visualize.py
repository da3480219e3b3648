"""visualize: what the network has learned, as pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from cnn_core import config
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.errors import UserError
from cnn_core.verbs.common import Outcome, Shared
from cnn_core.visual.optimization.config import Wish

LOOKS = {
    "weights": ("the weights of a convolution", "cnn_core.verbs.views.weights"),
    "filters": ("the input that each filter of a layer likes best", "cnn_core.verbs.views.optima"),
    "neurons": ("the same for neurons of a dense layer", "cnn_core.verbs.views.optima"),
    "classes": ("the same for the classes", "cnn_core.verbs.views.optima"),
    "exemplars": ("the real inputs that excite each filter most", "cnn_core.verbs.views.exemplars"),
    "maps": ("the feature maps that one input makes", "cnn_core.verbs.views.maps"),
}


@dataclass(frozen=True, kw_only=True)
class VisualizeOptions(Shared):
    """Options of visualize."""

    what: positional(str)  # type: ignore[valid-type]
    """What to show; see above."""
    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    layer: str = ""
    """Layer to look at; a fitting one when left out."""
    units: tuple[int, ...] = ()
    """Numbers of filters, neurons or classes; some spread evenly when left out."""
    count: int = 12
    """How many units, when they are not named."""
    exemplars: int = 8
    """exemplars: how many of each filter."""
    input: str = ""
    """maps: a file of yours, or the number of a test sample."""
    wish: config.flat(Wish) = field(default_factory=Wish)  # type: ignore[valid-type]
    """filters, neurons, classes: how to look for the best input."""
    out: Path | None = None
    """PNG to write; RUN/visualize/<what>-<layer>.png when left out."""


def looks(app: App) -> dict[str, tuple[str, str]]:
    """What this app can show: name -> (about, module with look(app, run, options))."""
    shared = {name: value for name, value in LOOKS.items() if app.wanted or not value[1].endswith("wants")}
    return shared | dict(app.looks)


def parse(app: App, prog: str, args: Sequence[str]) -> VisualizeOptions:
    """Options; raises UserError for something that this app cannot show."""
    there = looks(app)
    about = "What the network has learned. " + "; ".join(f"{name}: {about}" for name, (about, _) in there.items()) + "."
    options = config.parse(VisualizeOptions, args, prog=prog, about=about)
    if options.what not in there:
        raise UserError(f"visualize {options.what}: unknown; there are {', '.join(there)}")
    if min(options.count, options.exemplars) < 1:
        raise UserError("--count and --exemplars must be at least 1")
    return options


def run(app: App, options: VisualizeOptions) -> Outcome:
    """Draw the sheet."""
    from cnn_core.training import device, runs

    trained = runs.restore(app, options.run, device.choose(options.common.device, options.common.threads))
    return import_module(looks(app)[options.what][1]).look(trained.app, trained, options)

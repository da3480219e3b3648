"""What `visualize` shows, one file a view: view(app, run, options) -> Outcome. No torch in this file."""

from dataclasses import fields

from cnn_core.app import View, ViewModule
from cnn_core.visual.optimization.config import MaximizeConfig

MAXIMIZE_OPTIONS = tuple(field.name for field in fields(MaximizeConfig))
"""Options of views that search for inputs."""


def _weights() -> ViewModule:
    from cnn_core.verbs.views import weights

    return weights


def _optima() -> ViewModule:
    from cnn_core.verbs.views import optima

    return optima


def _exemplars() -> ViewModule:
    from cnn_core.verbs.views import exemplars

    return exemplars


def _maps() -> ViewModule:
    from cnn_core.verbs.views import maps

    return maps


VIEWS = {
    "weights": View("the weights of a convolution", _weights, reads=("layer",)),
    "filters": View(
        "the input that excites each filter of a layer most",
        _optima,
        reads=("layer", "units", "count", *MAXIMIZE_OPTIONS),
    ),
    "neurons": View(
        "the same for neurons of a dense layer", _optima, reads=("layer", "units", "count", *MAXIMIZE_OPTIONS)
    ),
    "classes": View("the same for the classes", _optima, reads=("units", "count", *MAXIMIZE_OPTIONS)),
    "exemplars": View(
        "the real inputs that excite each filter most", _exemplars, reads=("layer", "units", "count", "exemplars")
    ),
    "maps": View("the feature maps that one input makes", _maps, reads=("layer", "input"), requires=("input",)),
}

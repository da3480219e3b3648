"""mirror: networks and sample photographs as a folder from which others fetch them, for a class without internet."""

from dataclasses import replace

from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.sharing import mirror
from cnn_core.verbs.sharing.mirror import MirrorOptions, parse

__all__ = ["MirrorOptions", "parse", "run"]
USUAL = ("backbones-vgg19", "photos-scikit-image")
"""The default network and the photographs that anybody may pass on."""


def run(app: App, options: MirrorOptions) -> Outcome:
    """The names given, or the default network and the photographs in the public domain."""
    return mirror.run(app, options if options.data else replace(options, data=USUAL))

"""The lecture's networks as one entry of the page."""

from __future__ import annotations

from apps.playground.lecture import made
from apps.playground.networks import Network
from cnn_core import version


def network() -> Network:
    """The entry, whose parts are the networks' graphs and the sheet of a Deep Dream.

    Raises UserError as `made.read` does.
    """
    card, parts = made.read()
    own = next(each for each in card["networks"] if each["name"] == made.LECTURE)
    test = {"error": 1 - own["accuracy"], "low": 1 - own["high"], "high": 1 - own["low"], "count": own["count"]}
    shown = {"app": "lecture", "name": "lecture", "data": "mnist", "test": test, "version": version.__version__}
    shown |= {"holds": "nothing", "unlike": None, "calibrated": False, "carries": ["photos-scikit-image"]}
    return Network("lecture", {**card, **shown}, b"", parts)

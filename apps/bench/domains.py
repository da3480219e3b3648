"""The four domains as the comparative studies see them: small networks whose pooling and width can be turned.

`net(pool, width)` gives an app's configuration: the same layers at every setting, so that a comparison changes one
thing. Letters: w width.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cnn_core.architecture import ConvNetConfig
from cnn_core.errors import UserError
from cnn_core.recipe import FitConfig


@dataclass(frozen=True)
class Domain:
    """One app in the studies."""

    app: str
    net: Callable[[str, int], Any]
    """net(pool, width) -> configuration."""
    width: int
    places: tuple[int, ...]
    """Axes of the features whose places are shuffled: points, bands, words."""
    what: str
    """What those places are called."""
    share: float = 1.0
    """Part of the training data used in quick mode."""


def digits(pool: str, width: int) -> Any:
    """Three 3x3 convolutions, pooling after the first two, mean over what is left."""
    from apps.digits.config import DigitsConfig

    net = ConvNetConfig(
        channels=(width, 2 * width, 2 * width),
        padding=("same",),
        pools=(2, 2, 1),
        pool=pool,  # type: ignore[arg-type]
        norm="batch",
        head="avg",
        hidden=(),
    )
    fit = FitConfig(epochs=2, batch_size=128, learning_rate=0.01, schedule="linear", warmup=0.2)
    return DigitsConfig(net=net, fit=fit)


DOMAINS = {
    "digits": Domain("digits", digits, 16, (2, 3), "points", share=1 / 6),
}


def chosen(names: tuple[str, ...], data: str = "") -> list[Domain]:
    """The domains of that name, all when none is named; with `data` (of one domain only) instead of its default."""
    for name in names:
        if name not in DOMAINS:
            raise UserError(f"--apps {name}: unknown; there are {', '.join(DOMAINS)}")
    if data and len(names) != 1:
        raise UserError("--data: name the one app that it is for with --apps")
    found = [DOMAINS[name] for name in names or DOMAINS]
    return [replace(d, net=_on(d.net, data)) for d in found] if data else found


def _on(net: Callable[[str, int], Any], data: str) -> Callable[[str, int], Any]:
    return lambda pool, width: replace(net(pool, width), data=data)

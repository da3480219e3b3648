"""The five domains as the comparative studies see them: small networks whose pooling and width can be turned.

`net(pool, width)` gives an app's configuration: the same layers at every setting, so that a comparison changes one
thing. Letters: w width.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from cnn_core.errors import UserError
from cnn_core.nn.architecture import ConvNetConfig
from cnn_core.training.recipe import FitConfig


@dataclass(frozen=True)
class Domain:
    """One app in the studies."""

    app: str
    net: Callable[[str, int], Any]
    """net(pool, width) -> configuration."""
    width: int
    shuffles: tuple[tuple[str, tuple[int, ...]], ...]
    """What is shuffled, and the axes of the features that it lies along; the last of them leaves no pattern whole."""
    length: int = 0
    """Places that a fully connected network is given where inputs have any number of them."""
    shuffle: Callable[[Any], Any] | None = None
    """shuffle(dataset) moves them where one permutation for all inputs makes no sense: words in each text."""
    counts: Callable[[Any, int], Any] | None = None
    """counts(split, words) -> sparse matrix of how often each word is in each text: what models read that need rows of
    one length; the features behind the front end when left out."""
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


def photos(pool: str, width: int) -> Any:
    """The layers of `digits` on colour pictures of 32x32, mirrored by chance."""
    from apps.photos.config import NET_SHAPE, Augment, PhotosConfig

    net = replace(digits(pool, width).net, input_shape=NET_SHAPE)
    fit = FitConfig(
        epochs=4, least_steps=200, batch_size=128, learning_rate=0.01, schedule="linear", warmup=0.2, calibration=0
    )
    return PhotosConfig(net=net, augment=Augment(flip=True), fit=fit)


def go(pool: str, width: int) -> Any:
    """A 5x5 and four 3x3 convolutions that keep the board; pooling after the first, undone before the head."""
    from apps.go.config import GoConfig, GoNetConfig

    fit = FitConfig(epochs=2, batch_size=128, learning_rate=0.006, weight_decay=0.02, ema=0.99)
    net = GoNetConfig(filters=width, blocks=4, block="conv", pool=pool)  # type: ignore[arg-type]
    return GoConfig(net=net, fit=fit)


def speech(pool: str, width: int) -> Any:
    """res8 (Tang & Lin 2018) on 40 bands and 101 frames; groups of 3 by 4 after the first convolution.

    Clips are shifted and no more: the presets' noise and voices make learning several times as long.
    """
    from apps.speech.config import PRESETS, Augment, NetConfig

    groups = (3, 4) if pool != "none" else (1, 1)
    net = NetConfig(kind="res8", width=width / 45, pool=pool, pool_bands=groups[0], pool_frames=groups[1])  # type: ignore[arg-type]
    plane = PRESETS["plane"]
    fit = replace(plane.fit, epochs=6, batch_size=32, ema=0.98)
    return replace(plane, unknown=False, net=net, augment=Augment(shift=0.1), fit=fit)


def text(pool: str, width: int) -> Any:
    """Kim's windows; over time the largest value, the mean, or all of them in order."""
    from apps.text.config import PRESETS

    rand = PRESETS["rand"]
    kind = {"avg": "average"}.get(pool, pool)
    vectors = replace(rand.vectors, width=50)
    return replace(rand, vectors=vectors, net=replace(rand.net, pool=kind, filters=width))  # type: ignore[arg-type]


def words_shuffled(data: Any) -> Any:
    """The data set of texts with the words of each in a random order, the same at every call."""
    import torch

    generator = torch.Generator().manual_seed(0)

    def mixed(split: Any) -> Any:
        rows, places = _tokens(split)
        order = (rows + torch.rand(len(rows), generator=generator, dtype=torch.float64)).argsort()
        tokens = split.tokens.clone()
        tokens[places] = split.tokens[places[order]]
        return replace(split, tokens=tokens)

    watched = data.validation and mixed(data.validation)
    return replace(data, train=mixed(data.train), test=mixed(data.test), validation=watched)


def words_counted(split: Any, words: int) -> Any:
    """How often each of `words` words is in each text: a sparse matrix (N, words)."""
    import torch
    from scipy.sparse import coo_matrix

    rows, places = _tokens(split)
    where = rows.numpy(), split.tokens[places].numpy()
    return coo_matrix((torch.ones(len(rows)).numpy(), where), (len(split.inputs), words)).tocsr()


def _tokens(split: Any) -> tuple[Any, Any]:
    """(its text, its place in `tokens`) of every token, text by text."""
    import torch

    starts, lengths = split.inputs.T
    rows = torch.arange(len(split.inputs)).repeat_interleave(lengths)
    within = torch.arange(len(rows)) - (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
    return rows, starts.repeat_interleave(lengths) + within


DOMAINS = {
    "digits": Domain("digits", digits, 16, (("points", (2, 3)),), share=1 / 6),
    "go": Domain("go", go, 32, (("points", (2, 3)),), share=1 / 3),
    "photos": Domain("photos", photos, 16, (("points", (2, 3)),)),
    "speech": Domain("speech", speech, 10, (("bands", (2,)), ("bands and frames", (2, 3))), share=1 / 10),
    "text": Domain("text", text, 50, (("words", (2,)),), length=40, shuffle=words_shuffled, counts=words_counted),
}


def check_names(option: str, names: Iterable[str], choices: Collection[str]) -> None:
    """Raises UserError where the option names something that is not there."""
    for name in names:
        if name not in choices:
            raise UserError(f"{option} {name}: unknown; choose from {', '.join(choices)}")


def chosen(names: tuple[str, ...], data: str = "") -> list[Domain]:
    """The domains of that name, all when none is named; with `data` (of one domain only) instead of its default."""
    check_names("--apps", names, DOMAINS)
    if data and len(names) != 1:
        raise UserError("--data: name the one app that it is for with --apps")
    found = [DOMAINS[name] for name in names or DOMAINS]
    return [replace(d, net=_on(d.net, data)) for d in found] if data else found


def _on(net: Callable[[str, int], Any], data: str) -> Callable[[str, int], Any]:
    return lambda pool, width: replace(net(pool, width), data=data)

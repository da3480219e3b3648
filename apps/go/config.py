"""What a Go run is made of, and the presets; no torch, no numba."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from apps.go.rules.points import SIZES
from cnn_core.errors import UserError, check_range
from cnn_core.training.recipe import FitConfig
from cnn_core.verbs.measures.tuning.ranges import USUAL, OneOf

DATA_SETS = ("gnugo-9x9", "selfplay-9x9", "gnugo-13x13")
"""Manifests of Go games."""
Features = Literal["stones", "history", "gonn", "tactics", "alphago"]
COMPACT = {"stones": 1, "history": 3, "gonn": 5, "tactics": 7, "alphago": 7}
"""Compact planes that each feature set needs."""
SYMMETRIES = 8
"""Ways to turn and mirror a board."""


@dataclass(frozen=True)
class GoNetConfig:
    """A network that keeps the board's size from the first convolution to the last: fully convolutional."""

    filters: int = 64
    """Channels of every layer."""
    blocks: int = 6
    """Convolutions after the first one, or residual blocks of two convolutions each."""
    block: Literal["conv", "residual"] = "residual"
    """Plain convolutions, or residual blocks (He et al. 2016)."""
    first: int = 5
    """Side of the first layer's filters; the others are 3x3."""
    global_every: int = 0
    """Every so many blocks, means and maxima over the board come back as a bias of each channel; 0 is never.
    That subsamples nothing: the board keeps its size."""
    tied: bool = False
    """Tie the weights over the 8 symmetries of the board (Cohen & Welling 2016): channels come in groups of 8, the
    views of one filter, so the network learns from every view of a position at once and answers alike for all."""
    pool: Literal["none", "max", "avg", "blur"] = "none"
    """For comparison only: pooling of 2x2 after the first layer; before the head values are repeated to the old size
    and those of the first layer added, so that the head still knows the points apart."""

    def __post_init__(self) -> None:
        for name, least in (("filters", 1), ("blocks", 0), ("first", 1), ("global_every", 0)):
            check_range(f"net.{name}", getattr(self, name), least)
        if self.tied and self.filters % 8:
            raise UserError(f"net.filters must be a multiple of 8 with net.tied, not {self.filters}")
        if self.first % 2 == 0:
            raise UserError(f"net.first must be odd, not {self.first}: only then the board keeps its size")


@dataclass(frozen=True)
class Choice:
    """Which games of a collection are taken."""

    min_moves: int = 20
    """Shorter games are left out."""
    min_rank: str = ""
    """Both players must have this rank or a better one: 5k, 3d, 1p; empty takes all."""
    result: Literal["any", "known", "black", "white"] = "any"
    """Games with any result, a known one, or one of the winner."""
    handicap: bool = True
    """Take games with handicap."""
    validation: float = 0.05
    """Share of the games (by their first moves) that training watches."""
    test: float = 0.05
    """Share of the games that evaluate measures."""

    def __post_init__(self) -> None:
        check_range("choice.min-moves", self.min_moves, 0)
        if not (self.validation > 0 and self.test > 0 and self.validation + self.test < 1):
            raise UserError("choice.validation and choice.test must be above 0 and together below 1")


@dataclass(frozen=True)
class GoConfig:
    """A network that predicts the next move, and how it is trained."""

    data: str = "gnugo-9x9"
    """Name of a data set (see `prepare --list`), or a folder or archive of SGF files."""
    size: int = 9
    """Board size of the games to take; the network plays every size."""
    features: Features = "history"
    """Planes that the network sees: see `apps.go.front`."""
    net: GoNetConfig = field(default_factory=GoNetConfig)
    """The layers."""
    choice: Choice = field(default_factory=Choice)
    """Which games are taken, and how they are split."""
    passes: bool = False
    """Whether a pass is a class of its own."""
    symmetries: bool = True
    """Turn and mirror each training position at random (8 symmetries), and the move with it."""
    drop_history: float = 0.05
    """Share of training positions that are shown without their history, as set-up positions have none."""
    upright: int = 0
    """Show the network which way up a board lies while it holds fewer stones than this, and do not turn it then: by
    custom the first stone goes to the upper right corner, which no view of an empty board could tell."""
    foresee: float = 0.0
    """Weight in the loss of what comes later: the board 8 and 32 moves on, and a tenth of it for the next two replies.
    The network learns faster and answers as before (see `apps.go.records.foresight`); 0 learns from the next move
    alone."""
    judge: float = 0.0
    """Weight in the loss of how the game ends: who owns each point, who wins, and by how much. The network then says
    how a game stands, and counts it; 0 learns moves alone (see `apps.go.counting.outcome`)."""
    late: int = 0
    """Learn from so many positions at the end of each game alone, as a network that is to count does; 0 takes all."""
    watched: int = 8192
    """Largest number of validation positions measured after each epoch; 0 takes all."""
    fit: FitConfig = field(default_factory=FitConfig)
    """The training loop."""
    MOVED: ClassVar[Mapping[str, str]] = {"positions": "fit.epoch_samples"}
    """For config.json of earlier versions, see `cnn_core.config.from_json`."""

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise UserError(f"size must lie between {SIZES.start} and {SIZES.stop - 1}, not {self.size}")
        if not 0 <= self.drop_history < 1:
            raise UserError(f"drop-history must lie in [0, 1), not {self.drop_history:g}")
        for name in ("upright", "foresee", "judge", "late", "watched"):
            check_range(name, getattr(self, name), 0)


def planes_needed(features: str) -> int:
    """How many of the compact planes a feature set reads."""
    return COMPACT[features]


def planes_of(config: GoConfig) -> int:
    """How many of the compact planes a network takes: those of its features, and the komi where it judges."""
    return max(COMPACT[config.features], COMPACT["gonn"] if config.judge else 0)


def views(config: GoConfig) -> int:
    """How many of the 8 views of a board an answer is averaged over: one where the network answers alike for all."""
    # Pooling cuts an odd board into groups from one corner, so that even a tied network answers otherwise for each.
    return 1 if config.net.tied and config.net.pool == "none" else SYMMETRIES


PRESETS = {
    # cnn-go train --preset small: 109 CPU-seconds with bf16, 60.7 % of GNU Go's moves (one seed).
    "small": GoConfig(
        features="tactics",
        net=GoNetConfig(filters=48, blocks=4, global_every=2, tied=True),
        choice=Choice(test=0.1),
        judge=1.0,
        fit=FitConfig(epochs=3, batch_size=128, optimizer="muon", learning_rate=0.008, weight_decay=0.02, ema=0.99),
    ),
    # cnn-go train --preset medium --init @go-9x9: it goes on from the 9x9 network, whose layers it has.
    "medium": GoConfig(
        data="gnugo-13x13",
        size=13,
        features="tactics",
        net=GoNetConfig(filters=48, blocks=4, global_every=2, tied=True),
        choice=Choice(test=0.1),
        judge=1.0,
        fit=FitConfig(epochs=4, batch_size=128, optimizer="muon", learning_rate=0.006, weight_decay=0.02, ema=0.99),
    ),
    # cnn-go train --preset expert --data GAMES: 56 minutes on two cores with bf16, 47.8 % of strong amateurs' moves
    # (one seed). For processors without bf16 the README has a smaller one.
    "expert": GoConfig(
        size=19,
        features="tactics",
        net=GoNetConfig(filters=96, blocks=5, global_every=2, tied=True),
        upright=12,
        foresee=2.0,
        watched=2048,
        fit=FitConfig(
            epochs=10,
            epoch_samples=84_000,
            batch_size=64,
            optimizer="muon",
            learning_rate=0.015,
            warmup=0.1,
            weight_decay=0.02,
            ema=0.999,
            winograd=True,
        ),
    ),
    # cnn-go train --preset alphago --data GAMES: 13 layers of 192 filters, 48 planes (Silver et al. 2016); for a GPU.
    "alphago": GoConfig(
        size=19,
        features="alphago",
        net=GoNetConfig(filters=192, blocks=11, block="conv"),
        drop_history=0.0,
        fit=FitConfig(epochs=10, learning_rate=0.003, warmup=0.1, weight_decay=0.02, ema=0.999),
    ),
}
_GO = {"fit.batch_size": OneOf((64, 128, 256)), "drop_history": OneOf((0.0, 0.1, 0.3))}
RANGES = dict.fromkeys(PRESETS, USUAL | _GO)
"""Where `tune` searches."""
DEFAULT = "small"

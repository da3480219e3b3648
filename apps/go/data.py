"""The Go app's data: games split by game into positions, which are unpacked when a batch needs them.

    data = load(PRESETS["small"])
    inputs, moves = data.train.take(torch.arange(4))   # (4, planes, 9, 9) uint8 and (4,) int64

A sample is the position before a move. Games with the same first moves (also turned or mirrored) always lie in the
same split, and of equal games one is kept. Letters: N samples, B batch, P planes, n points.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from apps.go.config import DATA_SETS, Choice, GoConfig, planes_of
from apps.go.counting import outcome
from apps.go.counting.labels import endings
from apps.go.records import foresight, properties, sgf
from apps.go.records.collection import Collection
from apps.go.records.games import Report, read_games
from apps.go.records.positions import kept_positions, positions_of
from apps.go.rules import encode, points
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.fetching.sources import fetch, load_manifest
from cnn_core.training.data import Dataset, Split, loaded, permutation, samples_of


@dataclass(frozen=True)
class GoSplit(Split):
    """Positions of games: `inputs` (N, 2) int64 hold the game and the index of the move among all moves."""

    games: Collection
    planes: int
    size: int
    foreseen: bool = False
    """Whether `take` adds what comes later (see `apps.go.records.foresight`), for training."""

    endings: outcome.Endings | None = None
    """How the games ended, where `take` adds it (see `apps.go.counting.outcome`), for training."""

    def plain(self) -> Self:
        """Without what comes later."""
        return replace(self, foreseen=False, endings=None)

    def take(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """(B, P, size, size) uint8 planes and (B,) moves; with `foreseen`, `foresight`'s planes follow, with
        `endings` those of `outcome`."""
        samples, targets = super().take(index)
        out = np.empty((len(samples), self.planes, self.size**2), np.uint8)
        games, places, endings = self.near(samples.cpu().numpy())
        scratch = encode.new_scratch(self.size)
        encode.replay_samples(scratch, games.moves, games.offsets, games.komi, places, self.planes, out)
        planes = torch.from_numpy(out).view(-1, self.planes, self.size, self.size)
        if self.foreseen:
            planes = torch.cat((planes, foresight.planes(games, places, self.size)), 1)
        if endings is not None:
            planes = torch.cat((planes, outcome.planes(games, endings, places, self.size)), 1)
        return planes.to(self.inputs.device), targets

    def near(
        self, samples: np.ndarray, endings: outcome.Endings | None = None
    ) -> tuple[Collection, np.ndarray, outcome.Endings | None]:
        """(games whose entries are in memory, `samples` (B, 2) among these, their endings).

        Of mapped games those of the samples are loaded. `endings` are those of all games, the split's own if left out.
        """
        endings = endings or self.endings
        if not self.games.mapped:
            return self.games, samples, endings
        games, places, numbers = self.games.near(samples)
        return games, places, endings and endings.take(numbers)

    def places(self, size: int) -> Iterator[np.ndarray]:
        """All samples (B, 2) int64, at most `size` at a time of mapped ones."""
        if not self.mapped:
            yield self.inputs.cpu().numpy()
            return
        for part in self.inputs.split(size):
            yield part.numpy()


def load(config: GoConfig) -> Dataset:
    """The data set that the configuration names. Raises UserError where they are not available or is too small."""
    games = _readable(config.data)
    parts, _ = choose(games, config.size, config.choice)
    for name, part in parts.items():
        if not len(part):
            is_play = f"{config.size}x{config.size}"
            raise UserError(f"{config.data}: no game of {is_play} is left for {name}; loosen --choice, or set --size")
    planes = planes_of(config)
    splits = {name: positions(part, config.size, planes, config.passes) for name, part in parts.items()}
    train, validation = replace(splits["train"], foreseen=config.foresee > 0), splits["validation"]
    if config.late:
        train = late(train, config.late)
    if config.judge:
        train = replace(train, endings=endings(train.games))
    if 0 < config.watched < len(validation):
        validation = validation.subset(permutation(len(validation), 0, 0)[: config.watched].sort().values)
    labels = points.labels(config.size, config.passes)
    return Dataset(data_name(config.data), train, splits["test"], labels, validation)


def _readable(data: str) -> Collection:
    """The games that can be read; how many cannot is said, with the first reason."""
    games, report = read_data(data)
    if report.bad:
        where, reason = report.named[0]
        note(
            f"{data}: left out {counted(report.bad, 'game')} that cannot be read, such as {where}: {reason};"
            " see `cnn-go prepare`"
        )
    return games


def evaluated(config: GoConfig, split: str) -> GoSplit:
    """Every position of one split, or with "all" of every game of the board size, chosen or not, repeated or not.

    Raises UserError where nothing is left to measure.
    """
    games = _readable(config.data)
    board = f"{config.size}x{config.size}"
    if split == "all":
        part = games.take(np.flatnonzero(games.size == config.size))
        if not len(part):
            sizes = ", ".join(f"{size}x{size}" for size in np.unique(games.size))
            raise UserError(f"{config.data}: no game of {board}, its games are {sizes}; set --size")
    else:
        part = choose(games, config.size, config.choice)[0][split]
        if not len(part):
            raise UserError(f"{config.data}: no game of {board} is in the {split} split; take --split all")
    found = positions(part, config.size, planes_of(config), config.passes)
    if not len(found):
        raise UserError(f"{config.data}: its games of {board} have only passes, which this network does not predict")
    return found


def data_name(data: str) -> str:
    """A data set's name, or that of the file or folder."""
    return data if data in DATA_SETS else Path(data).name


def same_data(one: str, other: str) -> bool:
    """Whether both name one data set, or one file or folder."""
    if one == other or one in DATA_SETS or other in DATA_SETS:
        return one == other
    return Path(one).expanduser().resolve() == Path(other).expanduser().resolve()


def read_data(data: str, progress: bool = True) -> tuple[Collection, Report]:
    """All games of a data set with a manifest, or of a user's file, folder or archive."""
    if data in DATA_SETS:
        (path,) = fetch(load_manifest(data), progress=progress).files.values()
    else:
        path = Path(data).expanduser()
        if not path.exists():
            raise UserError(f"no data set, file or folder is named {data!r} (data sets: {', '.join(DATA_SETS)})")
    return read_games(path, progress)


def choose(games: Collection, size: int, choice: Choice) -> tuple[dict[str, Collection], dict[str, int]]:
    """Games of one size by split (train, validation, test), and how many were left out for which reason."""
    lowest = sgf.parse_rank(choice.min_rank) if choice.min_rank else properties.UNKNOWN_RANK
    result = {"any": games.result < 9, "known": games.result > 0}
    wins = {"black": games.result == 1, "white": games.result == 2}
    _, first = np.unique(games.digest, return_index=True)
    new = np.zeros(len(games), bool)
    new[first] = True
    tests = {
        "another board size": games.size == size,
        "fewer moves": np.diff(games.offsets) >= choice.min_moves,
        "lower or unknown rank": games.ranks.min(axis=1) >= lowest,
        "another result": (result | wins)[choice.result],
        "handicap": (games.handicap == 0) | choice.handicap,
        "the same as an earlier game": new,
    }
    taken = np.ones(len(games), bool)
    left: dict[str, int] = {}
    for reason, passed in tests.items():
        left[reason] = int((taken & ~passed).sum())
        taken &= passed
    # The split is a hash of the first moves as a number in [0, 1), and not what `cnn_core.training.holdout` chooses: no
    # list of all games is needed, and a game stays in its split whatever games are added.
    place = (games.start.astype(np.uint64) >> np.uint64(11)).astype(np.float64) / 2**53
    test, validation = place < choice.test, place >= 1 - choice.validation
    masks = {"train": ~test & ~validation, "validation": validation, "test": test}
    return {name: games.take(np.flatnonzero(taken & mask)) for name, mask in masks.items()}, left


def positions(games: Collection, size: int, planes: int, passes: bool) -> GoSplit:
    """Every position before a move; those before a pass only with `passes`."""
    samples, points = (kept_positions if games.mapped else positions_of)(games, size, passes)
    moves = loaded(samples_of(points, torch.int64))
    return GoSplit(samples_of(samples, torch.int64), moves, games, planes, size)


def late(split: GoSplit, count: int) -> GoSplit:
    """The last `count` positions of each game."""
    each = sum(np.bincount(places[:, 0], minlength=len(split.games)) for places in split.places(1 << 20))
    ends = np.cumsum(each)
    found, first = [], 0
    for places in split.places(1 << 20):
        number = np.arange(first, first + len(places))
        found.append(number[ends[places[:, 0]] - number <= count])
        first += len(places)
    return split.subset(torch.from_numpy(np.concatenate(found)))

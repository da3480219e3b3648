"""Ready-made networks: trained ones that come with the suite, named @digits, @go-9x9 and so on. No torch here.

pretrained/NAME/card.toml            what it is, how it was made, how good it is, what it is not for
pretrained/NAME/weights.safetensors  and config.json, metrics.json, sums.json: a checkpoint, as `train` makes them
pretrained/NAME/model.onnx           the same network for onnxruntime
pretrained/NAME/page.zip             what its page in the playground shows beside that

`train` makes them; nothing writes there. A verb that makes files for @NAME makes them in runs/@NAME.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from cnn_core import bounded
from cnn_core.config import from_json
from cnn_core.errors import UserError, first_line

MARK = "@"
CARD = "card.toml"


@dataclass(frozen=True)
class Card:
    """One ready-made network: what card.toml says."""

    app: str
    title: str
    preset: str
    data: str
    """What it was trained on, and with whose leave."""
    licence: str
    command: str
    """The command that made it."""
    commit: str
    """Of this suite, when it was made."""
    seed: int
    cpu_seconds: float
    """Of its training."""
    processor: str
    weights_sha256: str
    test: str
    """The test data."""
    test_count: int
    """Test samples."""
    accuracy: float
    """On the test data, 0 to 1."""
    accuracy_interval: tuple[float, float]
    """95 %."""
    calibration_error: float
    """Expected, on the test data, 0 to 1."""
    not_for: str
    default: bool = False
    """Whether it is the one that the app takes where no run is named."""
    threshold: float = 0.0
    """From which `listen` tells a word; 0 where it was not measured on recordings."""
    alarms_per_hour: float = 0.0
    """False alarms an hour with it."""
    hit_rate: float = 0.0
    """Share of the words that it tells with it, 0 to 1."""
    heard: str = ""
    """In which recordings."""
    winner_told: float = 0.0
    """Share of the test positions in which the side that a Go network holds to be ahead won; 0 where it does not
    judge."""
    winner_calibration_error: float = 0.0
    """Expected calibration error of the win probability, 0 to 1."""
    margin_error: float = 0.0
    """Mean absolute error of the margin, points."""
    owners_told: float = 0.0
    """Share of the points of the test positions whose owner is told."""
    name: str = ""
    """Name of its folder."""


def folder() -> Path:
    """The folder of the networks: inside the installed package, or at the root of a checkout."""
    packaged = Path(str(resources.files("cnn_core"))) / "pretrained"
    return packaged if packaged.is_dir() else packaged.parent.parent / "pretrained"


def cards(app: str = "") -> list[Card]:
    """The networks of the suite, or of one app, the default one first. Raises UserError for a damaged card."""
    found = [_card(path) for path in sorted(folder().glob(f"*/{CARD}"))]
    return sorted((card for card in found if not app or card.app == app), key=lambda card: not card.default)


def default(app: str) -> str:
    """The name, with its mark, of the network that an app takes where none is named; "" where it has none."""
    return next((MARK + card.name for card in cards(app) if card.default), "")


def run_path(name: str) -> Path:
    """Where files about the network @NAME go: runs/@NAME. Raises UserError for a name that nobody knows."""
    known = [MARK + card.name for card in cards()]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UserError(f"{name}: no ready-made network has this name{hint} (known: {', '.join(known) or 'none'})")
    return Path("runs") / name


def named(run: Path) -> Path:
    """`run`, or where the network lies that it names as @NAME. Raises UserError for a name that nobody knows."""
    return run_path(str(run)) if str(run).startswith(MARK) and not run.exists() else run


def place(run: Path) -> Path:
    """The folder to read a run from: of runs/@NAME that of the ready-made network, else `run` itself."""
    if run.name.startswith(MARK) and not (run / "config.json").exists():
        found = folder() / run.name.removeprefix(MARK)
        if (found / CARD).is_file():
            return found
    return run


def card_of(run: Path) -> Card | None:
    """The card of the ready-made network at `run`, or None if it is an ordinary run folder."""
    found = place(run)
    return None if found == run else _card(found / CARD)


def _card(path: Path) -> Card:
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, changed: int) -> Card:
    """The card in a file that was changed then; one answer asks for it several times."""
    try:
        table: dict[str, Any] = tomllib.loads(bounded.read_bytes(path, bounded.TOML).decode("utf-8"))
    except ValueError as error:  # of TOML and of UTF-8
        raise UserError(f"{path}: not a readable card: {first_line(error)}") from error
    found = from_json(Card, {**table, "name": path.parent.name}, str(path))
    shares = (found.accuracy, *found.accuracy_interval, found.calibration_error, found.hit_rate)
    if not all(0 <= share <= 1 for share in shares) or found.test_count < 1:
        raise UserError(f"{path}: not a readable card: accuracy and errors are shares from 0 to 1 of some test samples")
    return found

"""Ways to settle a finished game, that is to say who owns each point: by random games, or by GNU Go."""

import subprocess
from typing import Protocol

import numpy as np

from apps.go.counting.count import area_without, count
from apps.go.play.opponent import full_command
from apps.go.rules.points import letter, name
from apps.go.rules.points import parse as parse_point
from apps.go.rules.position import Position
from cnn_core.errors import UserError

SECONDS = 120
"""What GNU Go may take for one position."""


class Settler(Protocol):
    """`settler(position)` gives the owner of each point, (n,) int8: 1 black, 2 white, 0 nobody; None if it cannot."""

    name: str

    def __call__(self, position: Position) -> np.ndarray | None:
        """Settle a finished game."""
        ...


class Playouts:
    """Random games to the end."""

    name = "playouts"

    def __call__(self, position: Position) -> np.ndarray:
        """Area after the stones that random games find dead are taken off."""
        return count(position).owner


class GnuGo:
    """GNU Go's final_status_list, where it is installed."""

    name = "gnugo"

    def available(self) -> bool:
        """Whether GNU Go is installed."""
        try:
            return bool(full_command("gnugo", 0))
        except UserError:
            return False

    def __call__(self, position: Position) -> np.ndarray | None:
        """Area after the stones that GNU Go finds dead are taken off; None where it gives no answer."""
        size, board = position.size, position.board.reshape(-1)
        lines = [f"boardsize {size}", "clear_board"]
        lines += [f"play {letter(int(board[p]))} {name(p, size)}" for p in np.flatnonzero(board).tolist()]
        text = "\n".join([*lines, "final_status_list dead", "quit", ""])
        try:
            command = [*full_command("gnugo", 0), "--mode", "gtp"]
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=SECONDS, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        *_, answer, _, _ = done.stdout.split("\n\n")
        if not answer.lstrip().startswith("="):
            return None
        return area_without(position, [parse_point(word, size) for word in answer.replace("=", " ").split()])


playouts, gnugo = Playouts(), GnuGo()

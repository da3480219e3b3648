"""The board that excites a unit of a Go network most: a legal one, found by discrete ascent.

Black is to move, so black and white have equally many stones; every chain has a liberty; nothing is known of earlier
moves. A step changes two points (a stone more of each colour, one less of each, or a stone moved): the first change is
one of all single-point changes, kept if it is among the best few, the second the best of all that follow it. All
candidates of a step are scored in one batch. Letters: N boards, n points.
"""

import numpy as np
import torch
from torch import Tensor

from apps.go.config import planes_needed
from apps.go.rules import encode
from apps.go.rules.encode import SETUP, WHITE_BIT
from cnn_core import console, visual
from cnn_core.runs import Run
from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
from cnn_core.visual.optimization.objectives import Objective

BEAM = 6  # first changes that are followed up
PATIENCE = 4  # steps without a better board before the search of a unit ends


def maximize(
    run: Run, objectives: list[Objective], config: MaximizeConfig, *, seed: int = 0, progress: bool = False
) -> Maximized:
    """Positions (P, size, size) uint8 as the network takes them; the penalties of `config` do not apply to boards.

    `before` is the activation of the empty board, from which the first copy starts; others start from some stones at
    random.
    """
    search = _Search(run)
    found, before, after = [], [], []
    bar = console.progress("boards", over=objectives, unit="unit", show=progress)
    for objective in bar:
        for copy in range(config.copies):
            start = search.random(np.random.default_rng((seed, copy)), 3 * copy)
            board, value = search.climb(objective, start, config.steps)
            found.append(search.planes(board[None])[0].numpy())
            before.append(float(search.values(objective, np.zeros_like(board)[None])[0]))
            after.append(value)
    return Maximized(found, before, after)


def legal(board: np.ndarray, size: int) -> bool:
    """Every chain of the board (n,) has a liberty."""
    return encode.first_illegal(encode.new_scratch(size).state, _entries(board)) == -1


def _entries(board: np.ndarray) -> np.ndarray:
    """The board as set-up stones, then a pass by black: so black is to move."""
    black, white = np.flatnonzero(board == 1), np.flatnonzero(board == 2)
    return np.concatenate([SETUP | black, SETUP | WHITE_BIT | white, [len(board)]]).astype(np.uint16)


class _Search:
    """Boards (n,) int8 (0 empty, 1 black, 2 white) for one network."""

    def __init__(self, run: Run):
        self.model, self.size = run.model, run.config.size
        self.points, self.needed = self.size**2, planes_needed(run.config.features)
        self.scratch = encode.new_scratch(self.size)

    def random(self, generator: np.random.Generator, pairs: int) -> np.ndarray:
        """A board with `pairs` stones of each colour, few enough to be legal."""
        board = np.zeros(self.points, np.int8)
        places = generator.permutation(self.points)[: 2 * pairs]
        board[places[::2]], board[places[1::2]] = 1, 2
        return board if legal(board, self.size) else np.zeros_like(board)

    def planes(self, boards: np.ndarray) -> Tensor:
        """(N, P, size, size) uint8."""
        out = np.zeros((len(boards), self.needed, self.points), np.uint8)
        for board, row in zip(boards, out, strict=True):
            entries = _entries(board)
            encode.replay(self.scratch, entries, len(entries) - 1, 0.0, self.needed, row[None])
        return torch.from_numpy(out).view(-1, self.needed, self.size, self.size)

    def values(self, objective: Objective, boards: np.ndarray) -> np.ndarray:
        """(N,) the activation."""
        return visual.values(self.model, objective, self.planes(boards)).float().cpu().numpy()

    def changes(self, board: np.ndarray) -> np.ndarray:
        """Every legal board that differs at one point, with at most one stone more of a colour than of the other."""
        balance = int((board == 1).sum()) - int((board == 2).sum())
        found = []
        for point in range(self.points):
            for stone in (0, 1, 2):
                old = board[point]
                shift = (stone == 1) - (stone == 2) - int(old == 1) + int(old == 2)
                if stone == old or (old and stone) or abs(balance + shift) != 1 - abs(balance):
                    continue
                changed = board.copy()
                changed[point] = stone
                if stone == 0 or legal_after(changed, point, self.size):
                    found.append(changed)
        return np.array(found)

    def climb(self, objective: Objective, board: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
        """The best balanced board met in at most `steps` steps, and its activation."""
        best, best_value = board, float(self.values(objective, board[None])[0])
        met, waited = {board.tobytes()}, 0
        for _ in range(steps):
            first = self.changes(board)
            order = np.argsort(-self.values(objective, first), kind="stable")[:BEAM]
            second = np.concatenate([self.changes(each) for each in first[order]])
            second = np.unique(second, axis=0)
            second = second[[each.tobytes() not in met for each in second]]
            if not len(second):
                break
            values = self.values(objective, second)
            board, value = second[values.argmax()], float(values.max())
            met.add(board.tobytes())  # never twice: so the search leaves a summit by its least bad side
            waited += 1
            if value > best_value + 1e-6 * abs(best_value):
                best, best_value, waited = board, value, 0
            if waited > PATIENCE:
                break
        return best, best_value


def legal_after(board: np.ndarray, point: int, size: int) -> bool:
    """Whether a board that was legal is so after a stone was put at `point`: only chains beside it can have changed."""
    row, column = divmod(point, size)
    around = [(row, column), (row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return all(_breathes(board, r * size + c, size) for r, c in around if 0 <= r < size and 0 <= c < size)


def _breathes(board: np.ndarray, point: int, size: int) -> bool:
    """Whether the chain at `point`, if there is one, has a liberty."""
    colour = board[point]
    if not colour:
        return True
    stack, seen = [point], {point}
    while stack:
        row, column = divmod(stack.pop(), size)
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if not (0 <= r < size and 0 <= c < size):
                continue
            q = r * size + c
            if board[q] == 0:
                return True
            if board[q] == colour and q not in seen:
                seen.add(q)
                stack.append(q)
    return False

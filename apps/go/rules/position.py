"""Position: a board with the rules of Go, fast enough for training and complete enough for a GTP engine."""

from collections.abc import Iterable

import numpy as np

from apps.go.rules import kernels
from apps.go.rules.points import SIZES, letter, name, opponent
from apps.go.rules.points import colour as colour_of
from apps.go.rules.ruleset import Ruleset

REASONS = {
    kernels.OCCUPIED: "the point is occupied",
    kernels.KO_BAN: "it would retake a ko at once",
    kernels.SUICIDE: "it would be suicide",
}


class Position:
    """A Go position with its history.

    A point is row * size + column, row 0 at the bottom as in sgfmill; `passes` = size * size stands for a pass.
    Colours are 1 (black) and 2 (white); every method also takes "b", "w", "black", "white". Suicide and retaking
    a simple ko are illegal. With `superko` so is repeating any earlier board (positional superko), or, where it is
    `situational`, one with the same player to move. With `suicide` a chain of two or more stones may take itself off.
    Raises ValueError for a size that is not 2 to 19.
    """

    def __init__(self, size: int, superko: bool = False, *, situational: bool = False, suicide: bool = False):
        if size not in SIZES:
            raise ValueError(f"board size must lie between {SIZES.start} and {SIZES.stop - 1}, not {size}")
        self.size = size
        self.superko, self.situational, self.suicide = superko, situational, suicide
        self.passes = size * size
        self.to_move = 1
        self.history: list[tuple[int, int]] = []
        """Moves (colour, point) since the start or the last set-up."""
        self.stones: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
        """Points of black's and of white's set-up stones."""
        self._state = kernels.new_state(size)
        self._seen = [0]
        self._movers = [2]
        """Who had played when each board of `_seen` came about."""

    def adopt(self, rules: Ruleset) -> "Position":
        """Let `rules` say from now on which moves are legal; gives the position itself."""
        self.superko, self.situational = rules.ko != "simple", rules.ko == "situational"
        self.suicide = rules.suicide
        return self

    @property
    def board(self) -> np.ndarray:
        """(size, size) int8, a copy: 0 empty, 1 black, 2 white."""
        n = self.size * self.size
        return self._state.cells[kernels.STONE : kernels.STONE + n].astype(np.int8).reshape(self.size, self.size)

    @property
    def ko(self) -> int:
        """The point that the opponent of the last player must not take now by simple ko, or -1."""
        return int(self._state.cells[kernels.KO])

    @property
    def captures(self) -> tuple[int, int]:
        """Stones captured by black and by white."""
        return int(self._state.extra[1]), int(self._state.extra[2])

    def play(self, colour: int | str, point: int) -> int:
        """Play a move or pass; gives the number of stones captured.

        Raises ValueError with the reason when the move is illegal; the position is then unchanged.
        """
        colour, point = colour_of(colour), int(point)
        captured = 0
        if point == self.passes:
            kernels.play_pass(self._state)
        else:
            reason = self.why_illegal(colour, point)
            if reason:
                raise ValueError(f"{letter(colour).upper()} {self._name(point)} is illegal: {reason}")
            captured = int(kernels.play(self._state, point, colour, False))
        self._seen.append(int(self._state.extra[3]))
        self._movers.append(colour)
        self.history.append((colour, point))
        self.to_move = opponent(colour)
        return captured

    def why_illegal(self, colour: int | str, point: int) -> str:
        """The reason why a move is illegal, or "" when it is legal."""
        colour = colour_of(colour)
        if point == self.passes:
            return ""
        if not 0 <= point < self.passes:
            return f"the board has {self.size}x{self.size} points"
        found = kernels.why_illegal(self._state, point, colour)
        if found and not (found == kernels.SUICIDE and self.suicide and self._beside_own(point, colour)):
            return REASONS[found]
        if self.superko and int(kernels.hash_after(self._state, point, colour)) in self._forbidden(colour):
            return "it would repeat an earlier position (superko)"
        return ""

    def legal(self, colour: int | str) -> np.ndarray:
        """(size * size,) bool: where `colour` may play now."""
        out = np.empty(self.size * self.size, bool)
        colour = colour_of(colour)
        kernels.legal_moves(self._state, colour, out)
        if self.suicide:
            kernels.suicides(self._state, colour, out)
        if self.superko:
            kernels.forbid_repeats(self._state, colour, np.array(self._forbidden(colour), np.int64), out)
        return out

    def _beside_own(self, point: int, colour: int) -> bool:
        return bool((self._state.cells[kernels.STONE + self._state.near[point]] == colour).any())

    def _forbidden(self, colour: int) -> list[int]:
        """Hashes of the boards that a move of `colour` must not bring again by superko."""
        if not self.situational:
            return self._seen
        return [board for board, mover in zip(self._seen, self._movers, strict=True) if mover == colour]

    def own_eye(self, colour: int | str) -> np.ndarray:
        """(size * size,) bool: the eyes of `colour`, which it should not fill.

        An empty point all of whose neighbours are own stones, and of whose diagonals the opponent holds at most
        one, at the edge none.
        """
        colour = colour_of(colour)
        return np.array([kernels.is_eye(self._state, p, colour) for p in range(self.size * self.size)])

    def liberties(self) -> np.ndarray:
        """(size, size) int16: liberties of the chain at each point, 0 where it is empty."""
        out = np.empty(self.size * self.size, np.int16)
        kernels.liberty_map(self._state, out)
        return out.reshape(self.size, self.size)

    def chain(self, point: int) -> list[int]:
        """The stones of the chain at `point`, sorted; none where it is empty."""
        cells = self._state.cells
        if not 0 <= point < self.passes or cells[kernels.STONE + point] == 0:
            return []
        found, stone = [point], int(cells[kernels.AFTER + point])
        while stone != point:
            found.append(stone)
            stone = int(cells[kernels.AFTER + stone])
        return sorted(found)

    def setup(self, black: Iterable[int], white: Iterable[int]) -> None:
        """Put stones on an empty board: a handicap or a problem. White is to move after black stones alone.

        Raises ValueError when moves were played, points repeat or lie outside, or a chain has no liberty.
        """
        black, white = tuple(map(int, black)), tuple(map(int, white))
        if self.history or self.stones != ((), ()):
            raise ValueError("stones can be set up on an empty board only")
        points = black + white
        if any(not 0 <= p < self.passes for p in points):
            raise ValueError(f"a set-up stone lies outside the board of {self.size}x{self.size}")
        if len(set(points)) < len(points):
            raise ValueError("two set-up stones lie on one point")
        cells = self._state.cells
        for colour, part in ((1, black), (2, white)):
            cells[[kernels.STONE + p for p in part]] = colour
        if not kernels.rebuild(self._state):
            kernels.clear(self._state)
            raise ValueError("a set-up chain has no liberty")
        self.stones = (black, white)
        self.to_move = 2 if black and not white else 1
        self._seen, self._movers = [int(self._state.extra[3])], [opponent(self.to_move)]

    def undo(self) -> None:
        """Take back the last move. Raises ValueError when there is none."""
        if not self.history:
            raise ValueError("there is no move to take back")
        again = Position(self.size, self.superko, situational=self.situational, suicide=self.suicide)
        if self.stones != ((), ()):
            again.setup(*self.stones)
        rules = again.superko, again.suicide
        again.superko, again.suicide = False, True  # what was played was legal, by the rules of its time
        colour = self.history[-1][0]
        for move in self.history[:-1]:
            again.play(*move)
        again.superko, again.suicide = rules
        again.to_move = colour
        self.__dict__ = again.__dict__

    def copy(self) -> "Position":
        """An independent copy."""
        other = Position(self.size, self.superko, situational=self.situational, suicide=self.suicide)
        other.to_move, other.history, other.stones = self.to_move, list(self.history), self.stones
        other._seen, other._movers = list(self._seen), list(self._movers)
        kernels.copy_state(self._state, other._state)
        return other

    def area(self) -> np.ndarray:
        """(size, size) int8: the owner of each point with all stones alive, 0 for neutral points."""
        out = np.empty(self.size * self.size, np.int8)
        kernels.area(self._state, out)
        return out.reshape(self.size, self.size)

    def area_score(self, komi: float) -> float:
        """Chinese score, black minus white, with all stones on the board alive."""
        return float(kernels.area(self._state, np.empty(self.size * self.size, np.int8))) - komi

    def _name(self, point: int) -> str:
        return name(point, self.size) if 0 <= point < self.passes else str(point)

"""What the properties of a Go record mean. Every reader of records uses these rules.

SGF FF[4], "Move properties", "Setup properties", "Root properties", "Game info properties" and "Go (GM[1]) properties".
Where records differ from it:

    SZ      also 19:19; 19 where it is missing or empty
    B, W    both in one node are two moves, in the order of the file; of several values the first; "" and tt a pass
    AB ...  rectangles from any corner to the opposite one
    PL      B, W, black, white, 1, 2; set-up stones after it do not change it, a move does
    KM      see `komi`
    values  of moves and stones may hold spaces and line breaks
"""

import math
import re
from collections.abc import Iterator
from functools import lru_cache

from apps.go.records.grammar import BadGame, Node, Tree
from apps.go.rules.encode import POINT, REMOVE, SETUP, WHITE_BIT
from apps.go.rules.points import SIZES, to_sgf

MOST_ENTRIES = 5000
"""No game is longer; a damaged file may be."""
MOST_STONES = 3 * 25 * 25
"""Set up or removed in one node: each point of the largest board by each of AB, AW and AE."""
UNKNOWN_RANK = -100
"""Ranks are whole numbers: 1 is first dan, 9 ninth dan, 10 and more professionals, 0 first kyu, -1 second kyu."""
FLAGS = {b"AB": SETUP, b"AW": SETUP | WHITE_BIT, b"AE": REMOVE}
BLANKS = re.compile(rb"\\?\s+")


@lru_cache(len(SIZES))
def _table(size: int) -> dict[bytes, int]:
    """SGF letters -> point; "" and (up to 19x19) "tt" are a pass."""
    table = {to_sgf(point, size).encode(): point for point in range(size * size)}
    return table | {b"": size * size, b"tt": size * size}


def size(tree: Tree) -> int:
    """Side of the board. Raises BadGame for another game than Go, and a board that the rules do not know."""
    kind = tree.root_text(b"GM") or "1"
    if kind != "1":
        raise BadGame(f"GM[{_shown(kind)}] is another game than Go")
    text = tree.root_text(b"SZ") or "19"
    columns, _, rows = (part.strip() for part in text.partition(":"))
    if re.fullmatch("[0-9]{1,2}:[0-9]{1,2}", text.strip()) and columns != rows:
        raise BadGame(f"board of {columns}x{rows} points (only square boards can be read)")
    if not re.fullmatch("[0-9]{1,3}", columns) or (rows and rows != columns) or int(columns) not in SIZES:
        raise BadGame(f"board size {_shown(text)} (sizes {SIZES.start} to {SIZES.stop - 1} can be read)")
    return int(columns)


def actions(tree: Tree, size: int) -> Iterator[tuple[list[int], int, list[int]]]:
    """What each node of the main line does: stones set up or removed, who is to move by PL (0, 1, 2), moves.

    Stones and moves are entries (`apps.go.rules.encode`). Set-up comes before PL, and PL before the moves of the node.
    Raises BadGame where a point does not exist, when that node is reached.
    """
    data, table = tree.source.data, _table(size)
    count = number = 0
    for node in tree.nodes:
        stones: list[int] = []
        moves: list[int] = []
        if not FLAGS.keys().isdisjoint(node):
            for key, flag in FLAGS.items():
                where = f"a set-up stone before move {number + 1} ({key.decode()})"
                for value in tree.values(node, key):
                    if value.strip():  # AB[] sets up nothing
                        stones += [flag | point for point in rectangle(value, size, where)]
                    if len(stones) > MOST_STONES:
                        raise BadGame(f"{where}: more than {MOST_STONES} stones set up in one node")
        for key, offsets in node.items():
            if key in (b"B", b"W"):
                number += 1
                point = table.get(data[offsets[0] + 1 : offsets[1] - 1])
                if point is None:  # several values, spaces, or no point
                    value = tree.values(node, key)[0]
                    point = _point(value, size, f"move {number} ({key.decode()})")
                moves.append(point if key == b"B" else WHITE_BIT | point)
        count += len(stones) + len(moves)
        if count > MOST_ENTRIES:
            raise BadGame(f"more than {MOST_ENTRIES} moves")
        yield stones, colour(tree, node) if b"PL" in node else 0, moves


def territory(tree: Tree, size: int) -> dict[int, int]:
    """Points of black's (1) and of white's (2) territory, as TB and TW in the last node state them.

    Dead stones lie in the territory of the other colour. Empty where there is none, or one that makes no sense.
    """
    node = tree.nodes[-1]
    try:
        found = {
            point: colour
            for colour, key in ((1, b"TB"), (2, b"TW"))
            for value in (tree.values(node, key) if key in node else ())
            if value.strip()
            for point in rectangle(value, size)
        }
    except BadGame:
        return {}
    return found


def first_player(stones: list[int]) -> int:
    """Who is to move before any move or PL: white where only black has stones, as after a handicap, else black."""
    board = {entry & POINT: entry for entry in stones}
    on = {entry & WHITE_BIT for entry in board.values() if entry & SETUP}
    return 2 if on == {0} else 1


def colour(tree: Tree, node: Node) -> int:
    """1 or 2: the first value of PL, 0 where it says neither. FF[1] to FF[3] have 1, 2, black and white for B and W."""
    text = tree.values(node, b"PL")[0].strip().lower()
    return {b"b": 1, b"1": 1, b"w": 2, b"2": 2}.get(text[:1], 0)


def rectangle(value: bytes, size: int, where: str = "") -> list[int]:
    """One point, or all points of a rectangle `aa:cc`, whichever corners it names. Raises BadGame."""
    first, colon, last = value.partition(b":")
    corners = [_point(part, size, where) for part in ((first, last) if colon else (first,))]
    if size * size in corners:
        raise BadGame("a set-up stone has no point")
    (row, column), (row2, column2) = divmod(corners[0], size), divmod(corners[-1], size)
    rows, columns = sorted((row, row2)), sorted((column, column2))
    return [r * size + c for r in range(rows[0], rows[1] + 1) for c in range(columns[0], columns[1] + 1)]


def _point(value: bytes, size: int, where: str) -> int:
    point = _table(size).get(BLANKS.sub(b"", value))
    if point is None:
        raise BadGame(f"{where}: {value[:9].decode('latin-1')!r} is not a point of a board of {size}x{size}")
    return point


def komi(text: str, application: str = "") -> float:
    """Points of KM; 0 where it is missing, empty, no number, or more than 60.

    From 100 on it is counted in hundredths: of points where that gives whole or half points (650 is 6.5), else of
    stones of the Chinese half count, which are worth two points (375 is 7.5). Fox writes half a point as 50.
    """
    found = re.fullmatch(
        r"([+-]?(?:[0-9]{1,4}(?:\.[0-9]*)?|\.[0-9]+))\s*(目半|目|points?|pts?\.?)?", text.replace(",", ".").strip()
    )
    value = float(found[1]) + (0.5 if found[2] == "目半" else 0.0) if found else 0.0
    fox = any(name in application.lower() for name in ("fox", "野狐"))
    if abs(value) >= 100:
        value = value / 50 if value % 50 else value / 100
    elif fox and abs(value) == 50:
        value /= 100
    return value if abs(value) <= 60 else 0.0


def result(text: str) -> int:
    """1 black won, 2 white won, 3 a draw, 0 unknown."""
    start = text[:2].upper()
    return {"B+": 1, "W+": 2}.get(start, 3 if start[:1] in ("0", "D", "J") else 0)


def margin(text: str) -> float:
    """Points by which black won, below 0 where white did, 0 for a draw; NaN where the result says none."""
    found = re.match(r"\s*([BbWw])\+\s*([0-9]{1,3}(?:[.,][0-9]{1,2})?)", text)
    if not found:
        return 0.0 if result(text) == 3 else math.nan
    points = float(found[2].replace(",", "."))
    return points if found[1] in "Bb" else -points


def rank(text: str) -> int:
    """The number of a rank (see UNKNOWN_RANK), or UNKNOWN_RANK."""
    found = re.match(r"\s*(?:p|P)?([0-9]{1,2})\s*(dan|kyu|[dkpDKP]|段|級|级)?", text)
    if not found or not found[2]:
        return UNKNOWN_RANK
    number, kind = int(found[1]), found[2].lower()[0]
    if kind == "p":
        return 9 + number
    return 1 - number if kind in "k級级" else number


def _shown(text: str) -> str:
    """The start of a text, fit for one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:9])

"""Names of points and colours, as players, GTP and SGF write them: D4, pass, black, "dp". No dependencies.

A colour is 1 (black) or 2 (white), 0 is empty. A point is row * size + column, row 0 at the bottom and column 0 at
the left, as in sgfmill; size * size is a pass.
"""

LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"  # GTP leaves I out
EMPTY, BLACK, WHITE = 0, 1, 2
COLOURS = {"b": BLACK, "black": BLACK, "w": WHITE, "white": WHITE}
SIZES = range(2, 20)
"""Board sizes that the rules know."""


def name(point: int, size: int) -> str:
    """D4 for a point = row * size + column, row 0 at the bottom; "pass" for size * size."""
    row, column = divmod(point, size)
    return "pass" if point == size * size else f"{LETTERS[column]}{row + 1}"


def parse(text: str, size: int) -> int:
    """The point of a name, in any case. Raises ValueError for what is not a point of this board."""
    if text.lower() == "pass":
        return size * size
    column = LETTERS.find(text[:1].upper()) if text else -1
    digits = text[1:]
    if not 0 <= column < size or not (digits.isascii() and digits.isdigit() and len(digits) <= 2):
        raise ValueError(f"{text!r} is not a point of a board of {size} x {size}")
    row = int(digits) - 1
    if not 0 <= row < size:
        raise ValueError(f"{text!r} is not a point of a board of {size} x {size}")
    return row * size + column


def colour(text: str | int) -> int:
    """1 for black, 2 for white, also from 1 and 2. Raises ValueError for anything but those, b, black, w, white."""
    if text in (BLACK, WHITE):
        return int(text)
    if str(text).lower() not in COLOURS:
        raise ValueError(f"{text!r} is not a colour: black or white")
    return COLOURS[str(text).lower()]


def letter(colour: int) -> str:
    """b or w."""
    return " bw"[colour]


def opponent(colour: int) -> int:
    """The other colour."""
    return 3 - colour


def to_sgf(point: int, size: int) -> str:
    """SGF letters of a point: column, then row from the top; "" is a pass."""
    if point == size * size:
        return ""
    row, column = divmod(point, size)
    return chr(97 + column) + chr(97 + size - 1 - row)


def labels(size: int, passes: bool = False) -> tuple[str, ...]:
    """Names of all points in order, and "pass" when it is a class."""
    return tuple(name(point, size) for point in range(size * size + passes))


def stars(size: int) -> list[int]:
    """The points that have a dot on a board of this size: none below 7x7, 9 from 15x15 on, 4 or 5 between."""
    if size < 7:
        return []
    edge = 3 if size >= 13 else 2
    middle = [size // 2] if size % 2 and size >= 9 else []
    lines = [edge, *(middle if size >= 15 else []), size - 1 - edge]
    centre = [row * size + row for row in middle if size < 15]
    return sorted([*(row * size + column for row in lines for column in lines), *centre])

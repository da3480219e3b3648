"""A Go board as a picture: wood, lines, stones, coordinates, a heat map, and a network's candidates.

Everything is drawn at twice its size and then reduced, which smooths all edges. Boards are (size, size) with row 0
at the bottom; 0 empty, 1 black, 2 white.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from apps.go.rules.points import LETTERS, stars
from cnn_core.drawing.heat import AGAINST, FOR

FINE = 2  # drawn so many times larger
LINE = (74, 50, 22)
LETTER = (92, 64, 30)
LEAST = 0.004  # candidates below this probability are not drawn
# Colours of a candidate by its share of the best one's probability; the best is the blue that review programs use.
RAMP = ((0.0, (104, 140, 70)), (0.3, (38, 134, 84)), (0.7, (14, 122, 140)), (1.0, (18, 98, 190)))


def draw(
    board: np.ndarray,
    *,
    last: int | None = None,
    played: int | None = None,
    asked: int | None = None,
    candidates: Mapping[int, float] | None = None,
    heat: np.ndarray | None = None,
    cell: int = 44,
    coordinates: bool = True,
) -> np.ndarray:
    """The board as uint8 (H, W, 3), `cell` pixels from line to line.

    `last` is marked on its stone, `played` ringed as the move of the record, `asked`, the move that is spoken of, in
    white between dark lines, which show on stones and heat of any colour; `candidates` (point -> probability) are
    discs with per cents, `heat` (size, size) a glow, red above zero, blue below. Without coordinates the picture is
    exactly size * cell wide, the middle of each square a point.
    """
    size = len(board)
    unit = cell * FINE
    edge = unit // 2 + (int(0.56 * unit) if coordinates else 0)  # from the picture's side to the first line
    width = 2 * edge + (size - 1) * unit
    places = {row * size + column: (edge + column * unit, width - 1 - edge - row * unit)
              for row in range(size) for column in range(size)}  # fmt: skip
    picture = Image.fromarray(_wood(width, unit)).convert("RGBA")
    _lines(picture, size, unit, edge)
    if coordinates:
        _letters(picture, size, unit, edge)
    stones = {point: int(board.flat[point]) for point in places if board.flat[point]}
    _stones(picture, stones, places, unit)
    if heat is not None:
        _glow(picture, np.asarray(heat, np.float64).reshape(-1), places, unit)
    if candidates:
        _candidates(picture, candidates, places, unit)
    pen = ImageDraw.Draw(picture)
    if played is not None and played in places:
        _ring(pen, places[played], 0.465 * unit, 0.055 * unit, (196, 30, 58, 255))
    if asked is not None and asked in places:
        for radius, thick, colour in ((0.49, 0.15, (24, 24, 26)), (0.46, 0.09, (255, 255, 255))):
            _ring(pen, places[asked], radius * unit, thick * unit, colour)
    if last is not None and last in stones:
        _ring(pen, places[last], 0.25 * unit, 0.065 * unit, (250, 250, 248) if stones[last] == 1 else (24, 24, 26))
    return np.asarray(picture.convert("RGB").reduce(FINE))


@lru_cache(maxsize=8)
def _wood(width: int, unit: int) -> np.ndarray:
    """Straight-grained kaya (W, W, 3) uint8, always the same: year rings, fibres and slow changes of tone."""
    random = np.random.default_rng(1919)
    across = np.linspace(0, width / unit, width)[None, :]  # in squares
    down = np.linspace(0, width / unit, width)[:, None]
    bend = 0.10 * np.sin(0.21 * down + 0.6) + 0.035 * np.sin(0.63 * down + 2 + 0.15 * across)
    place = across + bend
    knots = np.cumsum(random.uniform(0.16, 0.44, 400))  # where the rings lie
    ring = np.interp(place, knots, np.arange(400.0)) % 1
    tone = random.normal(0, 1, 401)[np.interp(place, knots, np.arange(400.0)).astype(int)]
    late = np.exp(-(((1 - ring) / 0.20) ** 2)) + 0.35 * np.exp(
        -((ring / 0.10) ** 2)
    )  # dark late wood at each ring's end
    fibres = Image.fromarray(random.normal(0, 1, (max(width // 28, 2), max(width // 2, 2))).astype(np.float32))
    fibre = np.asarray(fibres.resize((width, width), Image.Resampling.BICUBIC))
    slow = Image.fromarray(random.normal(0, 1, (4, 6)).astype(np.float32))
    cloud = np.asarray(slow.resize((width, width), Image.Resampling.BICUBIC))
    shade = 1 - 0.052 * late + 0.009 * tone + 0.011 * fibre + 0.014 * cloud
    light = 1.02 - 0.045 * (across + down) / (2 * width / unit)  # from the upper left
    wood = np.array([228, 184, 112]) * (shade * light)[..., None] ** np.array([0.85, 1.0, 1.35])
    return np.clip(wood, 0, 255).round().astype(np.uint8)


def _lines(picture: Image.Image, size: int, unit: int, edge: int) -> None:
    pen = ImageDraw.Draw(picture)
    thin = max(FINE, round(unit * 0.026))
    far = edge + (size - 1) * unit
    for k in range(size):
        place = edge + k * unit
        thick = round(thin * 1.7) if k in (0, size - 1) else thin
        low = place - thick // 2
        pen.rectangle((low, edge - thin // 2, low + thick - 1, far + thin // 2), fill=LINE)
        pen.rectangle((edge - thin // 2, low, far + thin // 2, low + thick - 1), fill=LINE)
    for point in stars(size):
        row, column = divmod(point, size)
        x, y, r = edge + column * unit, edge + (size - 1 - row) * unit, 0.085 * unit
        pen.ellipse((x - r, y - r, x + r, y + r), fill=LINE)


def _letters(picture: Image.Image, size: int, unit: int, edge: int) -> None:
    pen, font = ImageDraw.Draw(picture), _font(0.30 * unit)
    far = picture.width - 1
    gap = 0.36 * unit
    for k in range(size):
        place = edge + k * unit
        for x, y, text in (
            (place, gap, LETTERS[k]),
            (place, far - gap, LETTERS[k]),
            (gap, far - place, str(k + 1)),
            (far - gap, far - place, str(k + 1)),
        ):
            pen.text((x, y), text, font=font, fill=LETTER, anchor="mm")


@lru_cache(maxsize=32)
def _font(points: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(points)


def _stones(picture: Image.Image, stones: Mapping[int, int], places: Mapping[int, tuple[int, int]], unit: int) -> None:
    if not stones:
        return
    shadow = Image.new("L", picture.size)
    pen = ImageDraw.Draw(shadow)
    r = 0.475 * unit
    for point in stones:
        x, y = places[point][0] + 0.055 * unit, places[point][1] + 0.075 * unit
        pen.ellipse((x - r, y - r, x + r, y + r), fill=118)
    shadow = shadow.filter(ImageFilter.GaussianBlur(0.06 * unit))
    picture.paste(Image.new("RGBA", picture.size, (42, 24, 6)), mask=shadow)
    for point, colour in stones.items():
        stone = _stone(colour, unit, point % 4 if colour == 2 else 0)
        x, y = places[point]
        picture.alpha_composite(stone, (max(x - unit // 2, 0), max(y - unit // 2, 0)))


@lru_cache(maxsize=32)
def _stone(colour: int, unit: int, kind: int) -> Image.Image:
    """Slate or clam shell from above, lit from the upper left: RGBA, unit x unit. White stones have `kind` of grain."""
    place = (np.arange(unit) - unit // 2) / unit
    x, y = np.meshgrid(place, place)
    radius = 0.478
    r = np.hypot(x, y) / radius
    inside = np.clip((1 - r) * radius * unit + 0.5, 0, 1)
    height = np.sqrt(np.clip(1 - r**2, 0, 1))  # of a lens: its slope grows slowly
    nx, ny = 0.86 * x / radius, 0.86 * y / radius
    nz = np.sqrt(np.clip(1 - nx**2 - ny**2, 0.05, 1))
    sun = np.array([-0.45, -0.58, 0.68]) / np.linalg.norm([-0.45, -0.58, 0.68])
    facing = nx * sun[0] + ny * sun[1] + nz * sun[2]
    shine = np.clip(2 * facing * nz - sun[2], 0, 1)
    if colour == 1:
        grey = 16 + 30 * np.clip(facing, 0, 1) ** 2 + 70 * shine**5 + 40 * shine**30
        tint = np.stack([grey, grey * 1.005, grey * 1.03], -1)
    else:
        turn = (0.35, -0.3, 1.25, 0.9)[kind]
        along = (x * np.cos(turn) + y * np.sin(turn)) / radius
        cross = (y * np.cos(turn) - x * np.sin(turn)) / radius
        lines = np.sin(24 * (cross + 0.16 * along**2)) * np.clip(1.1 - r, 0, 1)
        grey = 205 + 40 * np.clip(facing, 0, 1) ** 0.8 + 14 * shine**9 + 2.2 * lines - 34 * (1 - height) ** 2.2
        tint = np.stack([grey, grey * 0.996, grey * 0.972], -1)
    rgba = np.concatenate([np.clip(tint, 0, 255), 255 * inside[..., None]], -1)
    return Image.fromarray(rgba.round().astype(np.uint8), "RGBA")


def _glow(picture: Image.Image, heat: np.ndarray, places: Mapping[int, tuple[int, int]], unit: int) -> None:
    """A soft spot on each point, as strong as its heat; blended over stones and wood alike."""
    most = float(np.abs(heat).max(initial=0)) or 1.0
    reach = int(0.75 * unit)
    place = np.arange(-reach, reach + 1) / unit
    spot = np.exp(-(place[:, None] ** 2 + place[None, :] ** 2) / (2 * 0.30**2))
    layers = np.zeros((2, picture.height, picture.width), np.float32)
    for point, (x, y) in places.items():
        value = heat[point] / most
        if abs(value) < 0.02:
            continue
        top, left = max(y - reach, 0), max(x - reach, 0)
        bottom, right = min(y + reach + 1, picture.height), min(x + reach + 1, picture.width)
        part = spot[top - y + reach : bottom - y + reach, left - x + reach : right - x + reach]
        layers[int(value < 0), top:bottom, left:right] += abs(value) * part
    for layer, colour in zip(layers, (FOR, AGAINST), strict=True):
        mask = Image.fromarray((np.clip(layer, 0, 1) ** 0.8 * 205).astype(np.uint8))
        picture.paste(Image.new("RGBA", picture.size, (*colour, 255)), mask=mask)


def _candidates(
    picture: Image.Image, candidates: Mapping[int, float], places: Mapping[int, tuple[int, int]], unit: int
) -> None:
    """Discs on the likely points, larger and bluer the likelier; per cents where there is room for them."""
    shown = {p: share for p, share in candidates.items() if p in places and share >= LEAST}
    if not shown:
        return
    best = max(shown.values())
    layer = Image.new("RGBA", picture.size)
    pen = ImageDraw.Draw(layer)
    for point, share in sorted(shown.items(), key=lambda item: item[1]):
        x, y = places[point]
        relative = share / best
        labelled = share >= 0.0095
        r = unit * (0.12 + 0.325 * min(1, (share / max(best, 0.1)) ** 0.4))
        r = max(r, 0.27 * unit) if labelled else r
        colour = _ramp(relative)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(*colour, int(158 + 80 * relative**0.5)))
        if share == best:
            _ring(pen, (x, y), r, 0.045 * unit, (255, 255, 255, 235))
        if labelled:
            font = _font(unit * (0.34 if r > 0.36 * unit else 0.30))
            pen.text((x, y), f"{100 * share:.0f}", font=font, fill=(255, 255, 255), anchor="mm")
    picture.alpha_composite(layer)


def _ramp(share: float) -> tuple[int, int, int]:
    places = [place for place, _ in RAMP]
    red, green, blue = (int(np.interp(share, places, [colour[c] for _, colour in RAMP])) for c in range(3))
    return red, green, blue


def _ring(pen: ImageDraw.ImageDraw, place: tuple[int, int], radius: float, thick: float, colour: tuple) -> None:
    x, y = place
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=max(2, round(thick)))

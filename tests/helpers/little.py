"""A little data of each kind, made on the spot: whistles, reviews, games, discs."""

import wave
from pathlib import Path

import numpy as np


def tones(folder: Path) -> Path:
    """Recordings of three whistles: rising, falling, level."""
    time = np.arange(12_000) / 16_000
    generator = np.random.default_rng(0)
    for word, slope in (("rising", 900), ("falling", -900), ("level", 0)):
        (folder / word).mkdir(parents=True)
        for take in range(14):
            start = generator.uniform(900, 1500)
            sound = np.sin(2 * np.pi * (start * time + slope / 2 * time**2)) * 8000 + generator.normal(size=12_000) * 50
            with wave.open(str(folder / word / f"speaker{take % 7}_nohash_{take}.wav"), "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
                file.writeframes(sound.astype("<i2").tobytes())
    return folder


def sentences(folder: Path) -> Path:
    """A table of short reviews that two words decide."""
    generator = np.random.default_rng(0)
    filler = [
        "the",
        "film",
        "a",
        "story",
        "of",
        "two",
        "people",
        "and",
        "one",
        "long",
        "day",
        "in",
        "town",
        "it",
        "was",
        "there",
        "we",
        "saw",
    ]
    lines = ["text,label"]
    for i in range(120):
        words = [str(word) for word in generator.choice(filler, 7)]
        words.insert(int(generator.integers(7)), ("splendid", "dreadful")[i % 2])
        lines.append(f"{' '.join(words)} {i},{('good', 'bad')[i % 2]}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reviews.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "reviews.csv"


def games(folder: Path) -> Path:
    """Records of random 9x9 games in which the first player likes the middle."""
    from apps.go.rules.points import to_sgf
    from apps.go.rules.position import Position

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(24):
        generator, position, moves = np.random.default_rng(number), Position(9), []
        for turn in range(40):
            colour = 1 + turn % 2
            legal = np.flatnonzero(position.legal(colour) & ~position.own_eye(colour))
            distance = np.abs(np.stack(np.divmod(legal, 9)) - 4).sum(0)
            point = int(legal[np.argsort(distance + generator.random(len(legal)) * 3)[0]])
            position.play(colour, point)
            moves.append(f";{'BW'[turn % 2]}[{to_sgf(point, 9)}]")
        result = "B+1.5" if number < 2 else "B+R"  # a result by points is settled, which takes seconds a game
        record = f"(;GM[1]FF[4]SZ[9]KM[7.5]RE[{result}]{''.join(moves)})"
        (folder / f"{number}.sgf").write_text(record, encoding="utf-8")
    return folder


def discs(folder: Path) -> Path:
    """Pictures of red and of blue discs of many sizes and places, on noise."""
    from PIL import Image

    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :64]
    for name, colour in (("blue", (30, 60, 220)), ("red", (220, 50, 30))):
        (folder / name).mkdir(parents=True)
        for number in range(30):
            picture = generator.integers(60, 190, (48, 64, 3)).astype(np.uint8)
            row, column, radius = generator.integers(14, 34), generator.integers(20, 44), generator.integers(6, 14)
            picture[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = colour
            Image.fromarray(picture).save(folder / name / f"{number}.png")
    return folder


DATA = {"go": games, "photos": discs, "speech": tones, "text": sentences}

"""Frames of a Deep Dream in colour, as one picture: the network of photographs is too large for a page."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from torch import Tensor

COLUMNS, ROWS = 4, 4
SIZE = (240, 160)  # width and height of a frame
PHOTO, LAYERS = "chelsea", ("conv4_3", "conv5_1")
SETTINGS = {"octaves": 4, "ratio": 1.4, "steps": 12, "rate": 0.01, "jitter": 16}
QUALITY = 74  # of the JPEG


@dataclass(frozen=True)
class Dream:
    """`sheet` is a JPEG of `columns` x `rows` frames in reading order, the photograph first; `source` says of what."""

    sheet: bytes
    columns: int
    rows: int
    source: str


def dream() -> Dream:
    """A sample photograph, and what VGG-19 sees in it more and more."""
    import torch
    from PIL import Image

    from apps.dream.data import find, pixels_of
    from apps.dream.model import load_backbone
    from cnn_core import visual

    photo = find(PHOTO, 384)
    seen: list[np.ndarray] = [photo.pixels]

    def frame(_octave: int, _step: int, picture: Tensor) -> None:
        seen.append(pixels_of(picture))

    backbone = load_backbone("vgg19", torch.device("cpu"))
    last = visual.deep_dream(
        backbone.model,
        list(LAYERS),
        photo.tensor(),
        low=0.0,
        high=255.0,
        seed=0,
        frame=frame,
        progress=True,
        **SETTINGS,
    )
    seen.append(pixels_of(last))
    sheet = Image.new("RGB", (COLUMNS * SIZE[0], ROWS * SIZE[1]))
    for place, at in enumerate(np.linspace(0, len(seen) - 1, COLUMNS * ROWS).round().astype(int)):
        row, column = divmod(place, COLUMNS)
        picture = Image.fromarray(seen[at]).resize(SIZE, Image.Resampling.LANCZOS)
        sheet.paste(picture, (column * SIZE[0], row * SIZE[1]))
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return Dream(written.getvalue(), COLUMNS, ROWS, f"{PHOTO}: {photo.credit or 'CC0'}; VGG-19, {' and '.join(LAYERS)}")

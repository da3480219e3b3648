"""photo-pieces: which of the sample photographs is this a piece of? A small task in colour, made on the spot.

Each photograph is a class. It is ruled into cells, a quarter of which are for testing; pieces are squares inside one
cell, so that no pixel is in both splits. Each is turned, mirrored and changed in brightness and colour.
"""

from __future__ import annotations

import numpy as np

from apps.photos.corpora.framing import framed
from apps.photos.corpora.listing import TEST, TRAIN
from cnn_core.drawing import pictures
from cnn_core.fetching.sources import fetch, load_manifest

NAME = "photo-pieces"
MANIFESTS = ("photos-scikit-image", "photos-scikit-learn")
CELL = 64  # pixels
SMALLEST = 40
COUNTS = {TRAIN: 240, TEST: 60}  # of each photograph
TEST_CELLS = 4  # one of so many cells


def photographs(progress: bool) -> dict[str, np.ndarray]:
    """Name -> (H, W, 3) uint8. Raises UserError where they cannot be had."""
    found = {}
    for dataset in MANIFESTS:
        manifest = load_manifest(dataset)
        fetched = fetch(manifest, progress=progress)
        found |= {name: pictures.colour(pictures.opened(fetched.role(name))) for name in manifest.options["credits"]}
    return found


def pieces(found: dict[str, np.ndarray], side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(images (N, 3, side, side) uint8, targets (N,) int64, parts (N,) uint8) of photographs by name."""
    generator = np.random.default_rng(0)
    images, targets, parts = [], [], []
    for label, photograph in enumerate(found.values()):
        rows, columns = (size // CELL for size in photograph.shape[:2])
        cells = generator.permutation(rows * columns)
        held = max(len(cells) // TEST_CELLS, 1)
        for part, own in ((TEST, cells[:held]), (TRAIN, cells[held:])):
            for number in range(COUNTS[part]):
                row, column = divmod(int(own[number % len(own)]), columns)
                size = int(generator.integers(SMALLEST, CELL + 1))
                top, left = (CELL * cell + int(generator.integers(0, CELL - size + 1)) for cell in (row, column))
                piece = photograph[top : top + size, left : left + size]
                piece = np.rot90(piece, int(generator.integers(0, 4)))
                piece = piece[:, ::-1] if generator.random() < 0.5 else piece
                shade = generator.uniform(0.7, 1.3) * generator.uniform(0.9, 1.1, 3)
                piece = (piece * shade + generator.uniform(-20, 20)).clip(0, 255).astype(np.uint8)
                images.append(framed(piece, side, "crop"))
                targets.append(label)
                parts.append(part)
    return np.stack(images), np.array(targets, np.int64), np.array(parts, np.uint8)

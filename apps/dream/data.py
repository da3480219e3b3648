"""Pictures: the user's files, or sample photographs by name; and squares cut from a folder of them.

Letters: N pictures, C channels, H height, W width, S side of a square.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from apps.dream.config import SUFFIXES, DreamConfig
from cnn_core.console import note
from cnn_core.drawing import pictures
from cnn_core.errors import UserError
from cnn_core.fetching.sources import fetch, load_manifest
from cnn_core.files import files_in
from cnn_core.training.data import Dataset, Split

MANIFESTS = ("photos-scikit-image", "photos-scikit-learn")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # brightness of R, G, B, ITU-R BT.601


@dataclass(frozen=True)
class Picture:
    """Pixels (H, W, 3) uint8, a short name for captions and files, and whose picture it is where that must be said."""

    pixels: np.ndarray
    name: str
    credit: str = ""

    def tensor(self, channels: int = 3) -> Tensor:
        """(C, H, W) float in 0 to 255; for one channel the brightness."""
        values = self.pixels.astype(np.float32)
        values = values if channels == 3 else (values @ LUMA)[..., None]
        return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))


def pixels_of(x: Tensor) -> np.ndarray:
    """(C, H, W) in 0 to 255 -> (H, W, 3) uint8."""
    values = x.detach().float().cpu().round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(values if values.shape[2] == 3 else np.repeat(values, 3, axis=2))


def read(source: str | Path | bytes) -> np.ndarray:
    """A picture file, or its bytes, as (H, W, 3) uint8. Raises UserError as `cnn_core.drawing.pictures.opened`."""
    return pictures.colour(pictures.opened(source))


def samples() -> dict[str, tuple[str, str]]:
    """Name of each sample photograph -> (its manifest, its credit)."""
    return {
        name: (manifest, credit)
        for manifest in MANIFESTS
        for name, credit in load_manifest(manifest).options["credits"].items()
    }


def find(given: str, side: int = 0, enlarge: bool = False, *, progress: bool = True) -> Picture:
    """The picture that the user names: a file, or a sample photograph when there is no file of that name.

    Its longer side is at most `side` (0: as it is), and no less with `enlarge`. Raises UserError where there is none,
    or it cannot be read.
    """
    path, catalogue = Path(given).expanduser(), samples()
    credit = ""
    if path.is_dir():
        raise UserError(f"{given}: is a folder; name one picture in it")
    if not path.is_file() and given in catalogue:
        manifest, credit = catalogue[given]
        path = fetch(load_manifest(manifest), progress=progress).role(given)
    elif not path.is_file():
        raise UserError(f"{given}: no such file, and no sample photograph ({', '.join(catalogue)})")
    image = pictures.opened(path, side=side)
    if image.has_transparency_data:
        note(f"{given}: its transparent parts are laid on white")
    resize = pictures.scaled if enlarge else pictures.shrunk
    return Picture(resize(pictures.colour(image), side), Path(given).stem, credit)


def in_folder(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    """The picture files in a folder and those inside it, sorted. Raises UserError where there are none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    found = [str(path) for path in files_in(folder, suffixes)]
    if not found:
        raise UserError(f"{folder}: holds no pictures ({' '.join(suffixes)})")
    return found


def square(picture: Picture, side: int) -> Picture:
    """The middle of the picture, scaled to `side` x `side`."""
    from PIL import Image

    height, width = picture.pixels.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    middle = Image.fromarray(picture.pixels[top : top + edge, left : left + edge])
    return Picture(np.array(middle.resize((side, side), Image.Resampling.LANCZOS)), picture.name, picture.credit)


def squares(names: list[str], side: int, *, progress: bool = True) -> Iterator[Picture]:
    """One square of each picture; those that cannot be read are named and left out."""
    for name in names:
        try:
            yield square(find(name, progress=progress), side)
        except UserError as error:
            note(f"left out: {error}")


def load(config: DreamConfig) -> Dataset:
    """Squares (N, side, side, 3) of the sample photographs or of a folder; every picture is a class of its own."""

    names = list(samples()) if config.data == "photos" else in_folder(Path(config.data).expanduser(), SUFFIXES)
    found = list(squares(names, config.side))
    if not found:
        raise UserError(f"{config.data}: none of its pictures can be read")
    split = Split(torch.from_numpy(np.stack([p.pixels for p in found])), torch.arange(len(found)))
    return Dataset(config.data, split, split, tuple(p.name for p in found))

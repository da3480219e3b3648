"""Songs (N, 32, 32) uint8: a wren's rises, an owl's falls."""

import io
from pathlib import Path

import numpy as np
import torch

from cnn_core.errors import UserError
from cnn_core.training.data import Dataset, Split


def load(config):
    """Training and test split. Raises UserError for another name."""
    if config.data != "two-songs":
        raise UserError(f"{config.data}: unknown data; the birds app has two-songs")
    return Dataset(config.data, songs(256, seed=0), songs(64, seed=1), ("wren", "owl"))


def songs(count, seed):
    """`count` songs with a tone that rises (0) or falls (1) through noise."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 2, (count,), generator=generator)
    inputs = torch.randint(0, 60, (count, 32, 32), generator=generator, dtype=torch.uint8)
    time = torch.arange(32)
    for song, target in zip(inputs, targets, strict=True):
        song[time if target else 31 - time, time] = 255
    return Split(inputs, targets)


def read(source):
    """One song from a .npy file or its bytes. Raises UserError for anything else."""
    name = "standard input" if isinstance(source, bytes) else source
    try:
        song = np.load(io.BytesIO(source) if isinstance(source, bytes) else Path(source), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{name}: not a .npy file") from error
    if song.shape != (32, 32) or song.dtype != np.uint8:
        raise UserError(f"{name}: a song is (32, 32) uint8, not {song.shape} {song.dtype}")
    return song

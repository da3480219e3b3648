"""Near-copies of pictures: the same picture stored again at another size, quality, format or brightness.

Two fingerprints must agree: 128 bits of which neighbour is brighter (difference hash, Krawetz 2013, along both axes),
at most MOST_BITS of them different, and 8 x 8 colours that are nearly the same. Mirrored and differently cropped
copies are not found. Letters: N pictures, S side, P pairs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from cnn_core.fetching.mapped import Values, blocks_of

MOST_BITS = 10
BANDS = MOST_BITS + 1  # two prints of at most so many different bits agree in one of so many bands
MOST_SHIFT, MOST_DIFFERENCE = 16.0, 5.0  # of the mean colour, and of the 8 x 8 colours without it; levels of 255
STEP = 1.0  # levels by which a neighbour must be brighter, lest noise decide on flat pictures
CHUNK = 4096
ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1)  # bits that are 1 in each byte


def near_copies(images: Values) -> np.ndarray:
    """Pictures (N, 3, S, S) uint8 -> (P, 2) int64: the pairs i < j that are near-copies of one another."""
    bits, colours = prints(images)
    if len(bits) < 2:
        return np.zeros((0, 2), np.int64)
    order = np.random.default_rng(0).permutation(bits.shape[1])  # else a flat part of a picture would fill a band
    packed = np.packbits(bits, axis=1)  # (N, 16)
    found = []
    for band in np.array_split(order, BANDS):
        keys = bits[:, band] @ (1 << np.arange(len(band)))
        rows = np.argsort(keys, kind="stable")
        for bucket in np.split(rows, np.flatnonzero(np.diff(keys[rows])) + 1):
            for position in range(len(bucket) - 1):
                first, others = bucket[position], bucket[position + 1 :]
                near = ONES[packed[others] ^ packed[first]].sum(1) <= MOST_BITS
                if near.any():
                    others = others[near]
                    difference = colours[others] - colours[first]  # (K, 3, 64)
                    shift = difference.mean(2, keepdims=True)
                    same = (np.abs(shift).max((1, 2)) <= MOST_SHIFT) & (
                        np.abs(difference - shift).mean((1, 2)) <= MOST_DIFFERENCE
                    )
                    found += [(min(first, other), max(first, other)) for other in others[same]]
    return np.unique(np.array(found, np.int64).reshape(-1, 2), axis=0)


def prints(images: Values) -> tuple[np.ndarray, np.ndarray]:
    """(bits (N, 128) of 0 and 1, colours (N, 3, 64) float32) of pictures (N, 3, S, S) uint8."""
    bits, colours = [], []
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R BT.601
    for block in blocks_of(images, CHUNK):
        part = torch.from_numpy(block).float()
        grey = (part * weights).sum(1, keepdim=True)
        across = functional.adaptive_avg_pool2d(grey, (8, 9)).diff(dim=3)
        down = functional.adaptive_avg_pool2d(grey, (9, 8)).diff(dim=2)
        bits.append((torch.cat([across.flatten(1), down.flatten(1)], 1) > STEP).to(torch.uint8).numpy())
        colours.append(functional.adaptive_avg_pool2d(part, 8).flatten(2).numpy())
    if not bits:
        return np.zeros((0, 128), np.uint8), np.zeros((0, 3, 64), np.float32)
    return np.concatenate(bits), np.concatenate(colours)


def groups_of(count: int, pairs: np.ndarray) -> np.ndarray:
    """(count,) int64: pictures that a chain of `pairs` (P, 2) joins have one number, that of their first."""
    group = np.arange(count)

    def first_of(number: int) -> int:
        while group[number] != number:
            group[number] = group[group[number]]
            number = group[number]
        return number

    for one, other in pairs.tolist():
        a, b = first_of(one), first_of(other)
        group[max(a, b)] = min(a, b)
    return np.array([first_of(number) for number in range(count)], np.int64)

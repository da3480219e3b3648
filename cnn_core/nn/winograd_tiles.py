"""The transforms of Winograd's F(4x4, 3x3) and F(2x2, 5x5) as compiled loops; see `cnn_core.nn.winograd`.

For both, an output tile needs 6x6 points of the input, and becomes products at 6x6 points, in each direction the
numbers 0, 1, -1, 2, -2 and infinity. So they share all but the size of the tile, 4 or 2. Letters: B batch,
H, W board or picture, C channels (innermost, so that loops over them become vector instructions), t tiles a picture.
Each is a pair: a transform and its adjoint (the gradient's way back).
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from cnn_core.optional import require

numba = require("numba", "fit.winograd")

SIDE = 6
POINTS = SIDE**2
TWO, FOUR, FIVE, EIGHT = (np.float32(number) for number in (2, 4, 5, 8))


def tiles(side: int, kernel: int) -> int:
    """How many tiles lie along a side; the last may reach over the edge."""
    return -(-side // (SIDE + 1 - kernel))


def filter_values(kernel: int) -> np.ndarray:
    """(6, kernel) float32: what each weight in a row of a filter adds to its values at the six points."""
    points, shares = np.array([0, 1, -1, 2, -2]), np.array([1 / 4, -1 / 6, -1 / 6, 1 / 24, 1 / 24])
    powers = points[:, None] ** np.arange(kernel)
    return np.concatenate((powers * shares[:, None], np.eye(kernel)[-1:])).astype(np.float32)


class Transforms(NamedTuple):
    """The four loops for one number of channels and side of filters; all arrays float32 and C-contiguous."""

    split: Callable[[np.ndarray, np.ndarray], None]
    """Input (B, H, W, C) -> its tiles' 36 numbers (36, B * t, C)."""
    split_back: Callable[[np.ndarray, np.ndarray], None]
    """Gradient of those (36, B * t, C) -> of the input (B, H, W, C)."""
    join: Callable[[np.ndarray, np.ndarray], None]
    """Products (36, B * t, C) -> output (B, H, W, C)."""
    join_back: Callable[[np.ndarray, np.ndarray], None]
    """Gradient of the output (B, H, W, C) -> of the products (36, B * t, C)."""


def _compiled(function: Any) -> Any:
    return numba.njit(function, cache=True, nogil=True, fastmath=True, error_model="numpy")


@cache
def transforms(channels: int, kernel: int) -> Transforms:
    """The loops for `channels`: compiled for that number, since only then the compiler finds all vectors."""
    C = channels
    TILE = SIDE + 1 - kernel
    EDGE = kernel // 2
    WIDE = TILE == 4

    def split(pictures, points):
        count, height, width, _ = pictures.shape
        outside, rows = np.zeros(C, np.float32), np.empty((6, 6, C), np.float32)
        tile = 0
        for b in range(count):
            for top in range(-EDGE, height - EDGE, TILE):
                for left in range(-EDGE, width - EDGE, TILE):
                    for j in range(6):
                        x = left + j
                        if x < 0 or x >= width:
                            rows[:, j] = 0
                            continue
                        s0 = pictures[b, top, x] if top >= 0 else outside
                        s1 = pictures[b, top + 1, x] if 0 <= top + 1 < height else outside
                        s2 = pictures[b, top + 2, x] if top + 2 < height else outside
                        s3 = pictures[b, top + 3, x] if top + 3 < height else outside
                        s4 = pictures[b, top + 4, x] if top + 4 < height else outside
                        s5 = pictures[b, top + 5, x] if top + 5 < height else outside
                        for c in range(C):
                            even, odd = s4[c] - FOUR * s2[c], s3[c] - FOUR * s1[c]
                            near, far = s4[c] - s2[c], TWO * (s3[c] - s1[c])
                            rows[0, j, c] = FOUR * s0[c] - FIVE * s2[c] + s4[c]
                            rows[1, j, c] = even + odd
                            rows[2, j, c] = even - odd
                            rows[3, j, c] = near + far
                            rows[4, j, c] = near - far
                            rows[5, j, c] = FOUR * s1[c] - FIVE * s3[c] + s5[c]
                    for i in range(6):
                        for c in range(C):
                            r1, r2, r3, r4 = rows[i, 1, c], rows[i, 2, c], rows[i, 3, c], rows[i, 4, c]
                            even, odd = r4 - FOUR * r2, r3 - FOUR * r1
                            near, far = r4 - r2, TWO * (r3 - r1)
                            points[i * 6, tile, c] = FOUR * rows[i, 0, c] - FIVE * r2 + r4
                            points[i * 6 + 1, tile, c] = even + odd
                            points[i * 6 + 2, tile, c] = even - odd
                            points[i * 6 + 3, tile, c] = near + far
                            points[i * 6 + 4, tile, c] = near - far
                            points[i * 6 + 5, tile, c] = FOUR * r1 - FIVE * r3 + rows[i, 5, c]
                    tile += 1

    def split_back(points, pictures):
        count, height, width, _ = pictures.shape
        rows, line = np.empty((6, 6, C), np.float32), np.empty((6, C), np.float32)
        pictures[:] = 0  # tiles overlap: their shares add up
        tile = 0
        for b in range(count):
            for top in range(-EDGE, height - EDGE, TILE):
                for left in range(-EDGE, width - EDGE, TILE):
                    for j in range(6):
                        for c in range(C):
                            p0, p5 = points[j, tile, c], points[30 + j, tile, c]
                            p1, p2 = points[6 + j, tile, c], points[12 + j, tile, c]
                            p3, p4 = points[18 + j, tile, c], points[24 + j, tile, c]
                            near, sums, far, whole = p1 - p2, p1 + p2, p3 - p4, p3 + p4
                            rows[0, j, c] = FOUR * p0
                            rows[1, j, c] = FOUR * (p5 - near) - TWO * far
                            rows[2, j, c] = -FIVE * p0 - FOUR * sums - whole
                            rows[3, j, c] = near + TWO * far - FIVE * p5
                            rows[4, j, c] = p0 + sums + whole
                            rows[5, j, c] = p5
                    for i in range(6):
                        y = top + i
                        if y < 0 or y >= height:
                            continue
                        for c in range(C):
                            r0, r5 = rows[i, 0, c], rows[i, 5, c]
                            r1, r2, r3, r4 = rows[i, 1, c], rows[i, 2, c], rows[i, 3, c], rows[i, 4, c]
                            near, sums, far, whole = r1 - r2, r1 + r2, r3 - r4, r3 + r4
                            line[0, c] = FOUR * r0
                            line[1, c] = FOUR * (r5 - near) - TWO * far
                            line[2, c] = -FIVE * r0 - FOUR * sums - whole
                            line[3, c] = near + TWO * far - FIVE * r5
                            line[4, c] = r0 + sums + whole
                            line[5, c] = r5
                        for j in range(6):
                            x = left + j
                            if 0 <= x < width:
                                for c in range(C):
                                    pictures[b, y, x, c] += line[j, c]
                    tile += 1

    def join(points, pictures):
        count, height, width, _ = pictures.shape
        rows, line = np.empty((4, 6, C), np.float32), np.empty((4, C), np.float32)
        tile = 0
        for b in range(count):
            for top in range(0, height, TILE):
                for left in range(0, width, TILE):
                    for j in range(6):
                        for c in range(C):
                            p1, p2 = points[6 + j, tile, c], points[12 + j, tile, c]
                            p3, p4 = points[18 + j, tile, c], points[24 + j, tile, c]
                            sums, near, whole, far = p1 + p2, p1 - p2, p3 + p4, p3 - p4
                            rows[0, j, c] = points[j, tile, c] + sums + whole
                            if WIDE:
                                rows[1, j, c] = near + TWO * far
                                rows[2, j, c] = sums + FOUR * whole
                                rows[3, j, c] = near + EIGHT * far + points[30 + j, tile, c]
                            else:
                                rows[1, j, c] = near + TWO * far + points[30 + j, tile, c]
                    for i in range(min(TILE, height - top)):
                        for c in range(C):
                            r1, r2, r3, r4 = rows[i, 1, c], rows[i, 2, c], rows[i, 3, c], rows[i, 4, c]
                            sums, near, whole, far = r1 + r2, r1 - r2, r3 + r4, r3 - r4
                            line[0, c] = rows[i, 0, c] + sums + whole
                            if WIDE:
                                line[1, c] = near + TWO * far
                                line[2, c] = sums + FOUR * whole
                                line[3, c] = near + EIGHT * far + rows[i, 5, c]
                            else:
                                line[1, c] = near + TWO * far + rows[i, 5, c]
                        for j in range(min(TILE, width - left)):
                            for c in range(C):
                                pictures[b, top + i, left + j, c] = line[j, c]
                    tile += 1

    def join_back(pictures, points):
        count, height, width, _ = pictures.shape
        outside, rows = np.zeros(C, np.float32), np.zeros((6, 4, C), np.float32)
        tile = 0
        for b in range(count):
            for top in range(0, height, TILE):
                for left in range(0, width, TILE):
                    for j in range(TILE):
                        x = left + j
                        if x >= width:
                            rows[:, j] = 0
                            continue
                        s0 = pictures[b, top, x]
                        s1 = pictures[b, top + 1, x] if top + 1 < height else outside
                        s2 = pictures[b, top + 2, x] if WIDE and top + 2 < height else outside
                        s3 = pictures[b, top + 3, x] if WIDE and top + 3 < height else outside
                        last = s3 if WIDE else s1
                        for c in range(C):
                            even, odd = s0[c] + s2[c], s1[c] + s3[c]
                            near, far = s0[c] + FOUR * s2[c], TWO * s1[c] + EIGHT * s3[c]
                            rows[0, j, c] = s0[c]
                            rows[1, j, c] = even + odd
                            rows[2, j, c] = even - odd
                            rows[3, j, c] = near + far
                            rows[4, j, c] = near - far
                            rows[5, j, c] = last[c]
                    for i in range(6):
                        for c in range(C):
                            r0, r1, r2, r3 = rows[i, 0, c], rows[i, 1, c], rows[i, 2, c], rows[i, 3, c]
                            even, odd, near, far = r0 + r2, r1 + r3, r0 + FOUR * r2, TWO * r1 + EIGHT * r3
                            points[i * 6, tile, c] = r0
                            points[i * 6 + 1, tile, c] = even + odd
                            points[i * 6 + 2, tile, c] = even - odd
                            points[i * 6 + 3, tile, c] = near + far
                            points[i * 6 + 4, tile, c] = near - far
                            points[i * 6 + 5, tile, c] = r3 if WIDE else r1
                    tile += 1

    return Transforms(*(_compiled(function) for function in (split, split_back, join, join_back)))

"""Convolution and pooling by hand: the numbers behind the figures, in numpy.

Letters: C channels, M and N the sides of picture and filter, S stride, P places of the output.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from cnn_core.errors import UserError


def output_side(picture: int, filter: int, stride: int = 1) -> int:
    """floor((m - n) / s) + 1. Raises UserError for a filter that is larger than the picture."""
    if stride < 1:
        raise UserError(f"a stride is at least 1, not {stride}")
    if not 1 <= filter <= picture:
        raise UserError(f"a filter of {filter} with stride {stride} does not fit a picture of {picture}")
    return (picture - filter) // stride + 1


def as_cube(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """(C, H, W) of numbers from (H, W) or (C, H, W). Raises UserError for another shape."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or 0 in array.shape:
        raise UserError(f"a {what} has rows and columns, or channels before them, not the shape {array.shape}")
    if not np.isfinite(array).all():
        raise UserError(f"a {what} of numbers is needed; this one holds some that are infinite or none")
    return array


def inner_products(picture: ArrayLike, filter: ArrayLike, stride: int = 1, bias: float = 0.0) -> NDArray[np.float64]:
    """The feature map: the sum of the products of filter and picture at every place, all channels together.

    (H, W) or (C, H, W) each. Raises UserError where they do not fit.
    """
    cube, weights = as_cube(picture, "picture"), as_cube(filter, "filter")
    if len(cube) != len(weights):
        raise UserError(f"a picture of {len(cube)} channels needs a filter of as many, not of {len(weights)}")
    for m, n in zip(cube.shape[1:], weights.shape[1:], strict=True):
        output_side(m, n, stride)
    windows = sliding_window_view(cube, weights.shape)[0, ::stride, ::stride]  # (rows, columns, C, n, n)
    return (windows * weights).sum((2, 3, 4)) + bias


def connections(shape: tuple[int, int], filter: ArrayLike, stride: int = 1) -> NDArray[np.float64]:
    """The same convolution as a full connection: a matrix (P, H * W), almost all of it zero, with shared weights.

    `connections(x.shape, w) @ x.ravel()` is `inner_products(x, w).ravel()`.
    """
    numbers = weight_numbers(shape, np.asarray(filter).shape, stride)
    return np.where(numbers < 0, 0.0, np.asarray(filter, dtype=np.float64).ravel()[numbers.clip(min=0)])


def weight_numbers(shape: tuple[int, int], filter_shape: tuple[int, ...], stride: int = 1) -> NDArray[np.int64]:
    """(P, H * W): which of the filter's weights joins a place of the output with a pixel; -1 where none does."""
    if len(shape) != 2 or len(filter_shape) != 2:
        raise UserError("a full connection is drawn for one channel: give (rows, columns)")
    rows, columns = (output_side(m, n, stride) for m, n in zip(shape, filter_shape, strict=True))
    result = np.full((rows, columns, *shape), -1)
    weights = np.arange(filter_shape[0] * filter_shape[1]).reshape(filter_shape)
    for row, column in np.ndindex(rows, columns):
        top, left = row * stride, column * stride
        result[row, column, top : top + filter_shape[0], left : left + filter_shape[1]] = weights
    return result.reshape(rows * columns, shape[0] * shape[1])


def pooled(
    values: ArrayLike, size: int = 2, stride: int | None = None, kind: str = "max"
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The pooled map, and the place (row, column) of each group's largest value: (rows, columns) and (..., 2).

    Groups that would reach over the edge are left out, as PyTorch does. Raises UserError for another kind than max
    and average.
    """
    if kind not in ("max", "average"):
        raise UserError(f"pooling is max or average, not {kind!r}")
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise UserError(f"pooling is drawn for one feature map (rows, columns), not for {array.shape}")
    step = size if stride is None else stride
    for m in array.shape:
        output_side(m, size, step)
    groups = sliding_window_view(array, (size, size))[::step, ::step]
    flat = groups.reshape(*groups.shape[:2], -1)
    winner = flat.argmax(2)
    corner = np.stack(np.indices(winner.shape), -1) * step
    places = corner + np.stack(np.divmod(winner, size), -1)
    return (flat.max(2) if kind == "max" else flat.mean(2)), places

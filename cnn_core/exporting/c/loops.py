"""Plain loops in C over the elements of views, and literals of C."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cnn_core.exporting.c.memory import View

INDENT = "    "
COUNTERS, INNER_COUNTERS = "ijklmnabcdef", "pqruvwgh"


def loops(views: Sequence[View], body: Callable[[Sequence[str]], Sequence[str]]) -> list[str]:
    """Lines of loops over views of the same shape; `body` makes the innermost lines from the element of each view."""
    axes = merged(views)
    variables = COUNTERS[: len(axes)]
    elements = [element(view, [strides[number] for _, strides in axes], variables) for number, view in enumerate(views)]
    lines = [
        f"{INDENT * depth}for (int {name} = 0; {name} < {size}; {name}++)"
        for depth, (name, (size, _)) in enumerate(zip(variables, axes, strict=True))
    ]
    inner = list(body(elements))
    depth = len(lines)
    if len(inner) > 1 and lines:
        lines[-1] += " {"
        return [*lines, *(INDENT * depth + line for line in inner), INDENT * (depth - 1) + "}"]
    return [*lines, *(INDENT * depth + line for line in inner)]


def reduction(target: View, outer: View, inner: View, start: str, update: str, end: str) -> list[str]:
    """Lines that gather the elements of `inner`, counted from each of `outer`, in s: `update` names one as {0}.

    s begins with `start`, or with the first element where that is ""; `end` is what `target` gets.
    """
    axes, within = merged([target, outer]), merged([inner])
    variables, others = COUNTERS[: len(axes)], INNER_COUNTERS[: len(within)]
    written = element(target, [strides[0] for _, strides in axes], variables)
    origin = element(outer, [strides[1] for _, strides in axes], variables)
    strides = [each[1] for _, each in axes] + [each[0] for _, each in within]
    read = element(outer, strides, variables + others)
    found = [
        f"for (int {name} = 0; {name} < {size}; {name}++)" for name, (size, _) in zip(variables, axes, strict=True)
    ]
    gather = [
        f"for (int {name} = 0; {name} < {size}; {name}++)" for name, (size, _) in zip(others, within, strict=True)
    ]
    lines = [INDENT * depth + line for depth, line in enumerate(found)]
    if lines:
        lines[-1] += " {"
    else:
        lines = ["{"]
    depth = max(1, len(found))
    lines.append(f"{INDENT * depth}float s = {start or origin};")
    lines += [INDENT * (depth + number) + line for number, line in enumerate([*gather, update.format(read)])]
    return [*lines, f"{INDENT * depth}{written} = {end};", INDENT * (depth - 1) + "}"]


def merged(views: Sequence[View]) -> list[tuple[int, tuple[int, ...]]]:
    """(size, stride of each view) of as few axes as their elements can be counted by."""
    axes: list[tuple[int, tuple[int, ...]]] = []
    for axis, size in enumerate(views[0].shape):
        strides = tuple(view.strides[axis] for view in views)
        if size == 1:
            continue
        if axes and all(outer == inner * size for outer, inner in zip(axes[-1][1], strides, strict=True)):
            axes[-1] = (axes[-1][0] * size, strides)
        else:
            axes.append((size, strides))
    return axes


def element(view: View, strides: Sequence[int], variables: Sequence[str]) -> str:
    """The C expression for one element of a view."""
    terms = [
        name if stride == 1 else f"{name} * {stride}" for name, stride in zip(variables, strides, strict=True) if stride
    ]
    if view.offset or not terms:
        terms.append(str(view.offset))
    return f"{view.buffer.name}[{' + '.join(terms)}]"


def literal(value: float | np.generic, dtype: np.dtype) -> str:
    """The shortest C literal of exactly this value of a float32, integer or bool type. Values must be finite."""
    if dtype.kind != "f":
        return str(int(value))
    text = str(np.float32(value))
    if not math.isfinite(float(text)):
        raise ValueError("no C literal for a value that is not finite")
    text = text if "." in text or "e" in text else f"{text}.0"
    return f"{text.replace('0.', '.', 1) if text.lstrip('-').startswith('0.') and len(text) > 3 else text}f"

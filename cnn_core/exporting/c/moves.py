"""Operations that move values: most cost nothing, for their result is another view of the same buffer."""

from __future__ import annotations

from collections.abc import Sequence

from cnn_core.exporting.c.loops import loops
from cnn_core.exporting.c.memory import View
from cnn_core.exporting.c.program import Program, refusal
from cnn_core.exporting.c.reading import Operation


def reshape(program: Program, operation: Operation) -> None:
    """Reshape and Flatten."""
    shape = program.graph.values[operation.outputs[0]].shape
    view = program.contiguous(operation, operation.inputs[0])
    program.alias(operation, view.reshaped(shape))


def squeeze(program: Program, operation: Operation) -> None:
    """Squeeze and Unsqueeze: axes of size 1 come and go, whatever the strides."""
    shape = program.graph.values[operation.outputs[0]].shape
    view = program.view(operation.inputs[0])
    real = iter([stride for size, stride in zip(view.shape, view.strides, strict=True) if size != 1])
    program.alias(operation, View(view.buffer, shape, tuple(0 if s == 1 else next(real) for s in shape), view.offset))


def identity(program: Program, operation: Operation) -> None:
    """Identity."""
    program.alias(operation, program.view(operation.inputs[0]))


def transpose(program: Program, operation: Operation) -> None:
    """Transpose: strides change their places."""
    view = program.view(operation.inputs[0])
    order = operation.attributes.get("perm") or range(len(view.shape))[::-1]
    moved = View(view.buffer, tuple(view.shape[a] for a in order), tuple(view.strides[a] for a in order), view.offset)
    program.alias(operation, moved)


def expand(program: Program, operation: Operation) -> None:
    """Expand: strides of 0."""
    shape = program.graph.values[operation.outputs[0]].shape
    program.alias(operation, program.view(operation.inputs[0]).broadcast(shape))


def cut(program: Program, operation: Operation) -> None:
    """Slice."""
    view = program.view(operation.inputs[0])
    found = [program.constant(name) for name in operation.inputs[1:] if name]
    if any(each is None for each in found):
        raise refusal(operation, "it cuts where the input says")
    starts, ends, *rest = ([int(n) for n in each.reshape(-1)] for each in found if each is not None)
    axes = rest[0] if rest else list(range(len(starts)))
    steps = rest[1] if len(rest) > 1 else [1] * len(starts)
    shape, strides, offset = list(view.shape), list(view.strides), view.offset
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places = range(shape[axis])[start:end:step]
        offset += strides[axis] * (places[0] if len(places) else 0)
        shape[axis], strides[axis] = len(places), strides[axis] * step
    program.alias(operation, View(view.buffer, tuple(shape), tuple(strides), offset))


def gather(program: Program, operation: Operation) -> None:
    """Gather at one constant place of an axis. Constant rows at computed places are a table of vectors."""
    places = program.constant(operation.inputs[1])
    if places is None:
        raise refusal(operation, "it looks rows up in a table, as word vectors are")
    if places.ndim:
        raise refusal(operation, "it picks several places of an axis")
    view = program.view(operation.inputs[0])
    axis = operation.attributes.get("axis", 0) % len(view.shape)
    offset = view.offset + int(places) % view.shape[axis] * view.strides[axis]
    shape, strides = (each[:axis] + each[axis + 1 :] for each in (view.shape, view.strides))
    program.alias(operation, View(view.buffer, shape, strides, offset))


def split(program: Program, operation: Operation) -> None:
    """Split."""
    view = program.view(operation.inputs[0])
    axis = operation.attributes.get("axis", 0) % len(view.shape)
    offset = view.offset
    for number, name in enumerate(operation.outputs):
        shape = program.graph.values[name].shape
        program.alias(operation, View(view.buffer, shape, view.strides, offset), number)
        offset += shape[axis] * view.strides[axis]


def concat(program: Program, operation: Operation) -> None:
    """Concat."""
    axis = operation.attributes["axis"]
    parts = [program.view(name) for name in operation.inputs]
    result = program.result(operation)
    axis %= len(result.shape)
    lines, offset = [], 0
    for part in parts:
        target = View(result.buffer, part.shape, result.strides, offset)
        lines += loops([target, part], lambda each: [f"{each[0]} = {each[1]};"])
        offset += part.shape[axis] * result.strides[axis]
    program.add(operation, lines, result, parts)


def pad(program: Program, operation: Operation) -> None:
    """Pad: with a constant, the edge again, or the reflection."""
    mode = operation.attributes.get("mode", b"constant").decode()
    pads = program.constant(operation.inputs[1])
    if pads is None or operation.optional(3):
        raise refusal(operation, "it pads where the input says")
    x = program.view(operation.inputs[0])
    result = program.result(operation)
    before = [int(n) for n in pads.reshape(-1)[: len(x.shape)]]
    if min(int(n) for n in pads.reshape(-1)) < 0:
        raise refusal(operation, "it cuts by padding")
    value = program.constant(operation.optional(2))
    offset = sum(n * stride for n, stride in zip(before, result.strides, strict=True))
    middle = View(result.buffer, x.shape, result.strides, offset)
    copy = loops([middle, x], lambda each: [f"{each[0]} = {each[1]};"])
    if mode == "constant":
        fill = "0" if value is None else program.literal(operation, value)
        lines = [*loops([result], lambda each: [f"{each[0]} = {fill};"]), *copy]
    else:
        lines = [*copy, *_borders(result, x.shape, before, mode)]
    program.add(operation, lines, result, [x])


def _borders(result: View, inner: Sequence[int], before: Sequence[int], mode: str) -> list[str]:
    """Fill what lies around the middle axis by axis, each from what is there already: reflected, or the edge again."""
    lines: list[str] = []
    done = [range(start, start + size) for start, size in zip(before, inner, strict=True)]
    for axis, size in enumerate(result.shape):
        first, last = done[axis][0], done[axis][-1]
        for places, edge in ((range(first - 1, -1, -1), first), (range(last + 1, size), last)):
            if len(places) == 0:
                continue
            box = [places if a == axis else each for a, each in enumerate(done)]
            steps = [each.step * stride for each, stride in zip(box, result.strides, strict=True)]
            target = View(result.buffer, tuple(map(len, box)), tuple(steps), _start(result, box))
            nearest = edge if mode == "edge" else edge - places.step
            steps[axis] = 0 if mode == "edge" else -steps[axis]
            box[axis] = range(nearest, nearest + 1)
            origin = View(result.buffer, target.shape, tuple(steps), _start(result, box))
            lines += loops([target, origin], lambda each: [f"{each[0]} = {each[1]};"])
        done[axis] = range(size)
    return lines


def _start(view: View, box: Sequence[range]) -> int:
    return view.offset + sum(each[0] * stride for each, stride in zip(box, view.strides, strict=True))

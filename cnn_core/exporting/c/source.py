"""The text of the C file: what it is, weights, functions, the network step by step, and a small main."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from cnn_core.console import visible
from cnn_core.errors import UserError
from cnn_core.exporting.c.functions import FUNCTIONS, MAIN
from cnn_core.exporting.c.loops import INDENT, literal, loops
from cnn_core.exporting.c.memory import TYPES, Buffer, View, place
from cnn_core.exporting.c.operations import translate
from cnn_core.exporting.c.program import Program
from cnn_core.exporting.c.reading import INPUT, OUTPUT, Graph

WIDTH = 120
LIMITS = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767), "int32": (-(2**31), 2**31 - 1)}
"""Numbers that an input of each type takes."""
ANY = 3.4e38
BYTES = {"float": 4, "uint8_t": 1, "int8_t": 1, "int16_t": 2, "int32_t": 4, "int64_t": 8}


class Source:
    """The file of a graph, and what it needs: `text`, `memory` and `weights` in bytes."""

    def __init__(
        self, graph: Graph, labels: Sequence[str], temperature: float, several: bool, facts: Mapping[str, str]
    ):
        """`facts` stand at the head. Raises UserError where the graph has no form in C, by the name of the layer."""
        program = translate(Program(graph))
        given = graph.values[INPUT]
        output = program.view(OUTPUT)
        count = prod(output.shape)
        if count != len(labels):
            raise UserError(f"--c: the network gives {count} numbers for {len(labels)} labels")
        if not several:
            program.helpers.add("softmax")
        sizes = place(program.buffers)
        self.memory = sum(BYTES[kind] * size for kind, size in sizes.items())
        self.weights = sum(values.size * BYTES[TYPES[values.dtype.name]] for values in program.arrays.values())
        self.inputs = prod(given.shape)
        parts = [
            self._head(facts, given.shape[1:], given.dtype, count),
            _labels(labels),
            *(_array(name, values) for name, values in program.arrays.items()),
            *_memory(sizes),
            *(text for name, text in FUNCTIONS.items() if name in program.helpers),
            _predict(program, output, temperature),
            _probabilities(several),
            MAIN,
        ]
        self.text = "\n".join(part.strip("\n") + "\n" for part in parts)

    def _head(self, facts: Mapping[str, str], shape: Sequence[int], dtype: np.dtype, classes: int) -> str:
        low, high = LIMITS.get(dtype.name, (-ANY, ANY))
        kind = TYPES[dtype.name]
        sizes = " x ".join(map(str, shape))
        lines = [f"{name}: {value}" for name, value in facts.items()]
        lines += [
            f"input: {sizes} numbers of {kind}, row by row" + (f", {low} to {high}" if low > -ANY else ""),
            f"memory: {self.weights:,} bytes of constants, {self.memory:,} bytes of working memory, none allocated",
            "C99 with an int of 32 bits; not for two threads at a time. Link with -lm.",
            "cc -std=c99 -O2 -DCNN_MAIN FILE.c -lm makes a program that reads numbers and prints probabilities.",
        ]
        comment = "\n".join(f" * {commented(line)}" for line in lines)
        return (
            f"/*\n{comment}\n */\n"
            "#include <float.h>\n#include <math.h>\n#include <stdint.h>\n\n"
            f"#define INPUTS {prod(shape)}\n#define CLASSES {classes}\n"
            f"#define LEAST ({float(low)!r})\n#define MOST ({float(high)!r})\n"
            f"#define WHOLE {int(dtype.kind != 'f')}\ntypedef {kind} INPUT;\n\n"
            "/* What other files may call. */\n"
            "extern const char *const labels[CLASSES];\n"
            "void predict(const INPUT *x, float *logits);\nvoid probabilities(float *logits);\n"
        )


def commented(text: str) -> str:
    """`text` for a C comment: on one line, ASCII, and nothing in it ends the comment or the line's meaning."""
    shown = visible(" ".join(text.split())).encode("ascii", "backslashreplace").decode()
    return re.sub(r"\?(?=\?)", "? ", shown).replace("*/", "* /").replace("/*", "/ *").rstrip("\\")


def string(text: str) -> str:
    """A C string literal of `text` in UTF-8, as terminals may show it; all but plain characters are octal escapes."""
    plain = {*range(48, 58), *range(65, 91), *range(97, 123), *b" -_.,:;+()"}
    told = visible(text).encode()
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in told) + '"'


def _labels(labels: Sequence[str]) -> str:
    rows = _wrapped([string(label) for label in labels])
    return f"const char *const labels[CLASSES] = {{\n{rows}\n}};\n"


def _array(name: str, values: np.ndarray) -> str:
    try:
        rows = _wrapped([literal(value, values.dtype) for value in values.reshape(-1)])
    except ValueError as error:
        raise UserError(f"--c: the weights {name.removeprefix('w_')} are not finite; train again") from error
    kind = TYPES.get(values.dtype.name)
    if kind is None:
        raise UserError(
            f"--c: the constants {name.removeprefix('w_')} are {values.dtype.name}, which the C file has not"
        )
    sizes = " x ".join(map(str, values.shape)) or "1"
    return f"/* {sizes} */\nstatic const {kind} {name}[{values.size}] = {{\n{rows}\n}};\n"


def _wrapped(items: Sequence[str]) -> str:
    lines, line = [], INDENT
    for item in items:
        if len(line) + len(item) + 1 > WIDTH and line.strip():
            lines.append(line)
            line = INDENT
        line += f"{item},"
    return "\n".join([*lines, line.removesuffix(",")])


def _memory(sizes: Mapping[str, int]) -> list[str]:
    return [
        f"static {kind} memory_{kind}[{size}]; /* {size * BYTES[kind]:,} bytes, all layers' values in turn */\n"
        for kind, size in sizes.items()
    ]


def _predict(program: Program, output: View, temperature: float) -> str:
    lines = [
        "/* Calibrated logits of one input: those of the network, divided by its temperature. */",
        "void predict(const INPUT *x, float *logits)",
        "{",
    ]
    for step in program.steps:
        lines.append(f"{INDENT}/* {commented(step.title)} */")
        if step.makes:
            buffer = step.writes
            lines.append(f"{INDENT}{buffer.type} *const {buffer.name} = memory_{buffer.type} + {buffer.offset};")
        lines += [INDENT + line for line in step.lines]
    target = Buffer("logits", np.dtype(np.float32), prod(output.shape), given=True)
    scale = "" if temperature == 1 else f" / {literal(np.float32(temperature), np.dtype(np.float32))}"
    copy = loops([Program.view_of(target, output.shape), output], lambda each: [f"{each[0]} = {each[1]}{scale};"])
    return "\n".join([*lines, *(INDENT + line for line in copy), "}"]) + "\n"


def _probabilities(several: bool) -> str:
    head = "/* Logits that predict gave become probabilities, in place. */\nvoid probabilities(float *logits)\n{\n"
    if not several:
        return f"{head}    softmax(logits, logits, CLASSES);\n}}\n"
    return f"{head}    for (int i = 0; i < CLASSES; i++)\n        logits[i] = 1.0f / (1.0f + expf(-logits[i]));\n}}\n"

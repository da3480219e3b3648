"""A run as one C file: its network, temperature and labels, checked against PyTorch where there is a C compiler."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnn_core.exporting.c import compiled
from cnn_core.exporting.c.reading import folded, read
from cnn_core.exporting.c.source import Source
from cnn_core.exporting.facts import facts_of
from cnn_core.exporting.tracing import evaluated_copy, require_extra
from cnn_core.files import atomic
from cnn_core.runs import Run

TOLERANCE = 1e-5  # of a probability


def export_c(run: Run, path: str | Path, inputs: Tensor) -> dict[str, Any]:
    """Write the network of `run` as C99 to `path` and compare its answers to `inputs` (N, ...) with PyTorch's.

    The dict holds path, bytes, constant_bytes and memory_bytes of the program, the compiler ("" where there is none:
    then nothing is compared), checked (N) and max_difference of a probability. Raises UserError for a layer that has no
    form in C, RuntimeError when answers differ by more than 1e-5; a file that was at `path` is then left as it was.
    """
    require_extra()
    network = evaluated_copy(run.model)
    make = run.app.example
    example = make(run.config, run.labels)[:1] if make else inputs[:1]
    graph = folded(read(network, example))
    source = Source(graph, run.labels, run.calibration.temperature, run.several_labels, facts_of(run))
    command = compiled.compiler()
    found: dict[str, Any] = {"constant_bytes": source.weights, "memory_bytes": source.memory, "compiler": ""}
    if command:
        with torch.inference_mode():
            expected = run.probabilities(network(inputs.cpu())).numpy()
        found |= {
            "compiler": command[0],
            "checked": len(inputs),
            "max_difference": _difference(source.text, command, inputs, expected),
        }
    with atomic(path) as temporary:
        temporary.write_text(source.text, encoding="ascii")
        size = temporary.stat().st_size
    return {"path": str(path), "bytes": size, **found}


def _difference(text: str, command: list[str], inputs: Tensor, expected: np.ndarray) -> float:
    with TemporaryDirectory() as folder:
        source, program = Path(folder) / "network.c", Path(folder) / "network"
        source.write_text(text, encoding="ascii")
        compiled.build(command, source, program)
        got = compiled.ask(program, inputs.cpu().numpy())
    if got.shape != expected.shape:
        raise RuntimeError(f"the C file gives {got.shape} where PyTorch gives {expected.shape}")
    difference = float(np.nan_to_num(np.abs(got - expected), nan=np.inf).max())
    if not difference <= TOLERANCE:
        raise RuntimeError(f"the C file's probabilities differ from PyTorch's by {difference:.3g}")
    return difference

"""A run as an ONNX file: its network, temperature, bank of features and labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from cnn_core.exporting.facts import facts_of, holds_of
from cnn_core.exporting.graph import export_onnx
from cnn_core.exporting.session import DIGEST, calibration_metadata, weights_digest
from cnn_core.networks import pretrained
from cnn_core.runs import Run


def export_run(
    run: Run,
    path: str | Path,
    inputs: Tensor | None = None,
    *,
    layers: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write the network of `run` and check it on `inputs` (N, ...), real ones best; gives what `export_onnx` does.

    The metadata hold what `cnn_core.exporting.facts` says, what the file holds of the training data, the temperature
    that is in the logits, and the limits of unlikeness, beside those given. Raises ValueError without inputs for an
    app that has no `example`, and as `export_onnx`.
    """
    make = run.app.example
    example = make(run.config, run.labels) if make else inputs
    if example is None:
        raise ValueError(f"{run.app.prog} has no example inputs; give some")
    own = {**facts_of(run), "holds": "; ".join(holds_of(run)), **calibration_metadata(run.calibration)}
    return export_onnx(
        run.model,
        example[:2],
        path,
        labels=run.labels,
        check_inputs=inputs,
        free_axes=run.app.free_axes,
        metadata={**own, **(metadata or {})},
        layers=layers,
        temperature=run.calibration.temperature,
        bank=run.bank,
        further=run.app.further_of(run.config),
    )


def export_answers(
    run: Run, path: str | Path, inputs: Tensor | None, layers: Sequence[str] = (), *, beside: bool = True
) -> dict[str, Any]:
    """`export_run` with what tells `cnn_core.exporting.session` that the file fits the run's weights; with `beside`
    also the files that the app writes beside it."""
    origin = {"init": json.dumps(run.record["init"])} if "init" in run.record else {}
    digest = {DIGEST: weights_digest(pretrained.place(run.folder))}
    found = export_run(run, path, inputs, layers=layers, metadata={**origin, **digest})
    return {**found, **run.app.beside(run, Path(path))} if beside and run.app.beside else found

"""A run as an ONNX file: its network, temperature, bank of features and labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from cnn_core.exporting.graph import export_onnx
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

    The metadata hold app and preset, the temperature that is in the logits, and the limits of unlikeness, beside those
    given. Raises ValueError without inputs for an app that has no `example`, and as `export_onnx`.
    """
    make = run.app.example
    example = make(run.config, run.labels) if make else inputs
    if example is None:
        raise ValueError(f"{run.app.prog} has no example inputs; give some")
    found = run.calibration
    limits = {f"{share}%": found.most_unlikeness(share / 100) for share in (1, 2, 5, 10)} if found.unlikeness else {}
    own = {"app": run.app.name, "preset": run.record["preset"]}
    own |= {"temperature": f"{found.temperature:.6g}", "unlikeness_limits": json.dumps(limits)}
    return export_onnx(
        run.model,
        example[:2],
        path,
        labels=run.labels,
        check_inputs=inputs,
        free_axes=run.app.free_axes,
        metadata={**own, **(metadata or {})},
        layers=layers,
        temperature=found.temperature,
        bank=run.bank,
    )

"""RUN/detection.json: the threshold that `evaluate --recording` chose, and the measurement that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnn_core import bounded
from cnn_core.errors import UserError
from cnn_core.files import write_json
from cnn_core.networks import pretrained

FILE = "detection.json"


def keep(run: Path, values: Mapping[str, Any]) -> None:
    """Write the values into the run folder; of @NAME into runs/@NAME."""
    write_json(run / FILE, dict(values))


def kept_threshold(run: Path) -> float | None:
    """The run's threshold, or None where none was measured. Raises UserError where the file is damaged."""
    for folder in (run, pretrained.place(run)):
        path = folder / FILE
        if path.is_file():
            values = bounded.read_json(path, bounded.JSON, regular=True)
            threshold = values.get("threshold") if isinstance(values, dict) else None
            if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not 0 < threshold <= 1:
                raise UserError(f"{path}: damaged (its threshold is not between 0 and 1); measure again, or delete it")
            return float(threshold)
    return None

"""The log of a run: one JSON object a line, an epoch each; TensorBoard beside it if asked for."""

import json
from pathlib import Path
from typing import Any

from cnn_core import bounded
from cnn_core.optional import require

FILE = "log.jsonl"
MOST = 64 * bounded.MIB


def read_log(run: Path) -> list[dict[str, Any]]:
    """The records of a run folder, oldest first; a last line cut short by a crash is left out."""
    path = run / FILE
    records = []
    for line in bounded.read_text(path, MOST, regular=True).split("\n") if path.exists() else []:
        try:
            record = bounded.parse_json(line)
        except ValueError:
            break
        if not isinstance(record, dict):
            break
        records.append(record)
    return records


class RunLog:
    """Appends records to `run`/log.jsonl and keeps those up to `epochs`, from which a resumed run continues."""

    def __init__(self, run: Path, epochs: int, tensorboard: bool = False):
        self.records = read_log(run)[:epochs]
        self.path = run / FILE
        self.writer = _tensorboard(run) if tensorboard else None
        run.mkdir(parents=True, exist_ok=True)
        self.path.write_text("".join(json.dumps(record) + "\n" for record in self.records), encoding="utf-8")

    def append(self, record: dict[str, Any]) -> None:
        """Write one record, at once."""
        self.records.append(record)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        if self.writer is not None:
            for name, value in record.items():
                self.writer.add_scalar(name, value, record["step"])
            self.writer.flush()


def _tensorboard(run: Path) -> Any:
    require("tensorboard", "--tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(run / "tensorboard"))

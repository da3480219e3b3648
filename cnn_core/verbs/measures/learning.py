"""A network trained on samples given in Python: the suite's training loop and calibration, without a run folder."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_core import runs
from cnn_core.app import App
from cnn_core.config import changed, to_json
from cnn_core.metrics.limits import UNCALIBRATED
from cnn_core.training import calibration, checkpoint, device, engine
from cnn_core.training.data import Dataset, Split
from cnn_core.training.monitoring.log import RunLog


@dataclass(frozen=True)
class Learned:
    """A trained network, and how its training went."""

    run: runs.Run
    fit: engine.Fit

    def write(self, folder: Path, data: str = "") -> None:
        """Write it as a run folder; `data` is where its verbs find the data set. Raises UserError for a full disk."""
        record = self.run.record
        if data:
            config = changed(self.run.config, {"data": data})
            record = {**record, "config": to_json(config)}
        log = RunLog(folder, 0)
        for entry in self.fit.history:
            log.append(entry)
        runs.write_record(folder, record)
        if self.run.calibration.samples:
            calibration.save(folder, self.run.calibration, self.run.bank)
        checkpoint.save(folder / "last", checkpoint.Checkpoint(self.run.model.state_dict(), record, self.run.metrics))


def learn(
    app: App, preset: str, config: Any, source: Dataset, *, seed: int = 0, on: str = "auto", progress: bool = False
) -> Learned:
    """Train the network of `config` on `source.train` as `cnn-APP train` does, its calibration included.

    `on` is the device. Nothing is written. Raises UserError as `engine.fit` does.
    """
    chosen = device.choose(on)
    record = runs.make_record(app, preset, config, source.labels, seed, source.fitted)
    train, validation, held = calibration.parts_of(source, config.fit, seed)
    step = app.step(config) if app.step else None

    def trained(part: Split, watched: Split | None = None) -> tuple[Any, engine.Fit]:
        model = runs.build_seeded(app, config, source.labels, seed, source.fitted).to(chosen)
        with ExitStack() as stack:
            folder = None
            if config.fit.patience:  # the best epoch's weights are kept in a folder
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            told = engine.fit(
                model, part, config.fit, validation=watched, step=step, seed=seed, run=folder, progress=progress
            )
        return model.eval(), told

    model, told = trained(train, validation)
    found, bank = None, None
    if config.fit.calibration:
        forward = app.with_fitted(source.fitted).forward_of(config)
        asked = {"precision": config.fit.precision, "forward": forward}
        if held is None:
            found = calibration.fit_by_folds(lambda part: trained(part)[0], train, seed, app.what, **asked)
            bank = calibration.bank_of(model, train, **asked) if found else None
        else:
            found, bank = calibration.fit(model, train, held, **asked)
    fitted = source.fitted
    metrics = told.history[-1] if told.history else {}
    known = app.with_fitted(fitted)
    calibrated = (found or UNCALIBRATED, bank)
    run = runs.Run(Path(source.name), model.eval(), config, source.labels, record, metrics, known, fitted, *calibrated)
    return Learned(run, told)


def save(learned: Learned, app: App, folder: Path, data: str, overwrite: bool) -> Path:
    """Write a run folder at `folder`. Raises UserError when it exists; with `overwrite`, when it is another's."""
    folder = runs.new_folder(app, learned.run.record["preset"], folder, overwrite)
    with runs.replacing(folder) as finish:
        learned.write(folder, data)
        finish()
    return folder

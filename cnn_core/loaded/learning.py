"""A network trained on samples given in Python: with the suite's training loop and calibration, without a run folder.

It is kept in memory and written where a verb needs a run folder, or when it is saved.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnn_core import runs
from cnn_core.app import App
from cnn_core.config import changed, to_json
from cnn_core.errors import UserError
from cnn_core.loaded.network import Network, Shown
from cnn_core.metrics.limits import UNCALIBRATED
from cnn_core.training import calibration, checkpoint, device, engine
from cnn_core.training.data import Dataset, Split, evenly
from cnn_core.training.monitoring.log import RunLog

SHOWN = 500  # samples that a network keeps to be looked at with


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


class LearnedNetwork(Network):
    """A network that an estimator has trained.

    It keeps at most 500 of the training samples, which `explain`, `visualize` and `export` look at beside it.
    """

    def __init__(self, app: App, learned: Learned, samples: Split, name: str):
        """`app` is the app, `samples` those that it was trained on."""
        super().__init__(app, learned.run, name)
        self.learned, self._folder = learned, ""
        self._samples = samples.subset(evenly(len(samples), SHOWN))

    def evaluate(self, data: str | Path = "", **options: Any) -> Shown:
        """Its figures on other data. Raises UserError without any: it has seen those that it was trained on."""
        if not data:
            raise UserError("evaluate: name data that the network has not seen, or use the estimator's score(X, y)")
        return super().evaluate(data, **options)

    def _argument(self) -> str:
        """A run folder of this process's own, made when the first verb needs one."""
        if not self._folder or not Path(self._folder).is_dir():
            self._folder = tempfile.mkdtemp(prefix="cnn-suite-")
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
            self.learned.write(Path(self._folder))
        return self._folder

    def _verbs_app(self) -> App:
        """The app whose `load` gives the samples that were kept, unless other data are named."""
        app, run = self._app, self.run

        def load(config: Any, **fitted: Any) -> Dataset:
            if config.data != run.config.data:
                return app.load(config, **fitted)
            return Dataset(self.name, self._samples, self._samples, run.labels, fitted=run.fitted)

        return replace(app, load=load)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_folder": ""}


def save(learned: Learned, app: App, folder: Path, data: str, overwrite: bool) -> Path:
    """Write a run folder at `folder`. Raises UserError when it exists; with `overwrite`, when it is another's."""
    folder = runs.new_folder(app, learned.run.record["preset"], folder, overwrite)
    with runs.replacing(folder) as finish:
        learned.write(folder, data)
        finish()
    return folder

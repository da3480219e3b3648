"""The network that an estimator has trained: kept in memory, and written where a verb needs a run folder."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.loaded.network import Network, Shown
from cnn_core.training.data import Dataset, Split, evenly
from cnn_core.verbs.measures.learning import Learned

SHOWN = 500  # samples that a network keeps to be looked at with


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

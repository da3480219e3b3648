"""An estimator in scikit-learn's sense (Buitinck et al. 2013, API design) over an app of this suite.

    net = cnn_core.DigitClassifier(epochs=3).fit(X, y)
    net.predict_proba(X)               # calibrated
    net.network_.explain("photo.png")  # what `cnn_core.load` gives
    net.save("runs/mine")              # a run folder, which cnn-digits reads

`fit` takes the settings of a preset, the suite's training loop and its calibration. Letters: N samples, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d

from cnn_core.config import changed
from cnn_core.console import quiet
from cnn_core.errors import UserError
from cnn_core.networks import plugins
from cnn_core.verbs.common import preset as preset_of

if TYPE_CHECKING:
    from typing import Self

    from cnn_core.loaded.network import Network
    from cnn_core.training.data import Dataset, Split

GIVEN = "samples given in Python"
"""What stands for the data's name in a run that an estimator made."""
LEAST_STEPS = 200
"""Steps of a training on few samples, where neither the preset nor the caller says how many."""


class NetworkClassifier(ClassifierMixin, BaseEstimator):
    """Base of the estimators: an app's class adds the parameters, and how what is given becomes samples.

    After `fit`: `classes_` (C,) sorted, `network_` (what `cnn_core.load` gives), `history_` (a record for each epoch).
    Wrong data raise ValueError, as everywhere in scikit-learn; wrong settings and unreadable files UserError.
    """

    _app: ClassVar[str]
    """Name of the app."""
    _settings: ClassVar[Mapping[str, str]] = {}
    """Settings, with dots, by the names of the parameters that the app adds."""

    preset: str
    epochs: int | None
    least_steps: int | None
    learning_rate: float | None
    batch_size: int | None
    weight_decay: float | None
    options: Mapping[str, Any] | None
    calibrate: bool
    seed: int
    device: str
    verbose: bool

    def fit(self, X: Any, y: Any) -> Self:
        """Train on N samples `X` and their classes `y` (N,), of any labels that can be sorted; the estimator.

        Raises ValueError for other numbers of samples and labels, and for a single class.
        """
        from cnn_core.loaded.learning import LearnedNetwork
        from cnn_core.verbs.measures.learning import learn

        name = type(self).__name__
        if y is None:
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        inputs = self._examined(X, first=True)
        labels = column_or_1d(y, warn=True)
        check_array(labels, ensure_2d=False, dtype=None, input_name="y")  # type: ignore[arg-type]
        check_classification_targets(labels)
        check_consistent_length(inputs, labels)
        self.classes_, targets = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only ({self.classes_.tolist()[0]!r}); {name} needs at least two classes")
        app = plugins.app(self._app)
        config = self._config()
        with quiet(not self.verbose):
            source = self._dataset(config, inputs, targets.astype(np.int64), tuple(map(str, self.classes_.tolist())))
            learned = learn(app, self.preset, config, source, seed=self.seed, on=self.device, progress=self.verbose)
        self.network_: Network = LearnedNetwork(app, learned, source.train, name)
        self.history_ = learned.fit.history
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (N, C) float64 in the order of `classes_`, calibrated on samples held out in `fit`.

        They are those of the network where calibration was switched off or the samples were fewer than 40.
        """
        from cnn_core.verbs.answers import answers_to

        check_is_fitted(self)
        split = self._split(self._examined(X, first=False))
        run = self.network_.run
        return answers_to(run, split)[0].numpy()

    def predict(self, X: Any) -> np.ndarray:
        """The class (N,) of each sample, the most probable one."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(1)]

    def save(self, folder: str | Path, *, data: str = "", overwrite: bool = False) -> Path:
        """Write the network as a run folder, which the commands and `cnn_core.load` read.

        No sample is written. Verbs that look at samples (`evaluate`, `export`, `visualize`) find them where `data`
        says, the name of a data set or a folder. Raises UserError where something else is at `folder`.
        """
        from cnn_core.loaded.learning import LearnedNetwork
        from cnn_core.verbs.measures.learning import save

        check_is_fitted(self)
        network = self.network_
        assert isinstance(network, LearnedNetwork)
        return save(network.learned, plugins.app(self._app), Path(folder).expanduser(), data, overwrite)

    def _config(self) -> Any:
        """The preset's configuration with what the parameters change. Raises UserError for what does not fit."""
        config = preset_of(plugins.app(self._app), self.preset)
        said = {
            f"fit.{name}": getattr(self, name) for name in ("epochs", "learning_rate", "batch_size", "weight_decay")
        }
        said |= {setting: getattr(self, name) for name, setting in self._settings.items()}
        settings = {name: value for name, value in said.items() if value is not None}
        least = self.least_steps
        if least is None:
            least = 0 if self.epochs is not None else config.fit.least_steps or LEAST_STEPS
        settings |= {"fit.least_steps": least, "data": GIVEN}
        if not self.calibrate:
            settings["fit.calibration"] = 0.0
        return changed(config, {**settings, **(self.options or {})}, type(self).__name__)

    def _examined(self, X: Any, first: bool) -> Any:
        """What was given, checked; `first` in `fit`. Raises ValueError."""
        raise NotImplementedError

    def _dataset(self, config: Any, inputs: Any, targets: np.ndarray, labels: tuple[str, ...]) -> Dataset:
        """Samples to train on; the test split is empty or the same."""
        raise NotImplementedError

    def _split(self, inputs: Any) -> Split:
        """Samples to answer, all targets 0."""
        raise NotImplementedError


def listed(X: Any, what: str) -> list[Any]:
    """X as a list of its items. Raises ValueError for a single text or file, nothing, and arrays of two axes."""
    if isinstance(X, str | bytes | Path) or np.ndim(X if hasattr(X, "ndim") else ()) > 1:
        raise ValueError(f"X must be a list of {what}s, not one {type(X).__name__}")
    if not isinstance(X, Sequence | np.ndarray) and not hasattr(X, "__iter__"):
        raise ValueError(f"X must be a list of {what}s, not {type(X).__name__}")
    found = list(X)
    if not found:
        raise ValueError(f"X holds no {what}s: 0 samples, and at least 1 is needed")
    return found


def read_files(app_name: str, files: Sequence[Any]) -> np.ndarray:
    """The files as the app reads them (N, ...). Raises UserError that lists those that cannot be read."""
    from cnn_core.verbs.inputs import read_all

    app = plugins.app(app_name)
    bad = next((each for each in files if not isinstance(each, str | Path)), None)
    if bad is not None:
        raise UserError(f"a list of files holds a {type(bad).__name__}; give names or Paths alone, or one array")
    return np.stack(read_all([str(each) for each in files], app.read, app.what, skip_bad=False)[1])

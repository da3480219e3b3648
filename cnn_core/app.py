"""App: what one domain brings to the shared verbs. A frozen value of plain data and functions; no torch here.

An app's functions import what they need when they are called, for torch takes seconds to import and --help must not:

    def load(config: BirdsConfig) -> Dataset:
        from apps.birds import data

        return data.load(config)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from cnn_core.outcome import Outcome
    from cnn_core.training.data import Dataset
    from cnn_core.training.inference import Forward, Step
    from cnn_core.visual.optimization.config import Maximized

SHARED_VERBS = (
    *("prepare", "train", "evaluate", "predict", "visualize", "explain", "export", "summary", "compare"),
    *("tune", "review", "networks", "push", "pull", "mirror"),
)


class Fitted(Protocol):
    """What the training data decide beside the labels, such as a vocabulary: a frozen dataclass of the app."""

    def to_json(self) -> dict[str, Any]:
        """JSON data, which a run keeps; the class has `from_json`, which takes them and raises UserError."""
        ...


class VerbModule(Protocol):
    """The module of a verb."""

    @property
    def parse(self) -> Callable[[Any, str, Sequence[str]], Any]:
        """parse(app, prog, arguments) -> options with a field `common`. Raises UserError."""
        ...

    @property
    def run(self) -> Callable[[Any, Any], Outcome]:
        """run(app, options) -> Outcome. Raises UserError."""
        ...


class ViewModule(Protocol):
    """The module of a view."""

    @property
    def view(self) -> Callable[[App, Any, Any], Outcome]:
        """view(app, run, options) -> Outcome. Raises UserError."""
        ...


@dataclass(frozen=True)
class Verb:
    """A verb: one line for --help, and a function that imports its module."""

    about: str
    module: Callable[[], VerbModule]


@dataclass(frozen=True)
class View:
    """Something that `visualize` shows. Options that it does not read are refused, those that it requires asked for."""

    about: str
    module: Callable[[], ViewModule]
    reads: tuple[str, ...] = ()
    """Names of the options of `visualize`, beside the run and `out`, that change what is shown."""
    requires: tuple[str, ...] = ()
    """Those of them that must be given."""


@dataclass(frozen=True)
class Further:
    """What a network says of an input beside its logits: more outputs of exported files, and of `Run.outputs`."""

    names: tuple[str, ...]
    forward: Callable[[nn.Module, Tensor], tuple[Tensor, ...]]
    """forward(model, inputs (B, ...)) -> the logits, then one tensor (B, ...) for each name."""


@dataclass(frozen=True)
class App:
    """One domain of the suite. Functions that are None have a default or are not needed.

    Every model has a child `front`: what turns raw inputs into the floats that the network sees (pixels, planes of a
    board, a spectrogram, word vectors). It is the first thing that the forward pass applies, and applies once; lenses
    look at what it gives (`cnn_core.nn.front`).

    Where the training data decide more than the labels (`Dataset.fitted`, say a vocabulary), load, read, build,
    example, initialize, render, patch, marked and medium take it as the keyword `fitted`.
    """

    name: str
    """Short name: the command is cnn-<name>, runs go to runs/<name>/."""
    about: str
    """One sentence for --help."""
    config: type
    """Frozen dataclass with fields `data` (name or path) and `fit` (FitConfig), and what the app adds."""
    presets: Mapping[str, Any]
    """Configurations by name."""
    default_preset: str
    load: Callable[..., Dataset]
    """load(config) -> Dataset: training and test split, names of the classes."""
    read: Callable[..., np.ndarray]
    """read(path or bytes) -> one input, in the compact type of the data set."""
    build: Callable[..., nn.Module]
    """build(config, labels) -> nn.Module with a child `front`, from a batch of inputs to logits (B, len(labels))."""
    render: Callable[..., np.ndarray]
    """render(input, heat=None) -> picture, uint8 (H, W) or (H, W, 3); `heat`, floats over the places of what the front
    gives, is drawn over it: red speaks for, blue against."""
    example: Callable[..., Tensor] | None = None
    """example(config, labels) -> inputs (2, ...) of the right shape and type, made without any data. Without it,
    whatever needs inputs loads the data set."""
    labels: Callable[[Any], tuple[str, ...]] | None = None
    """labels(config) -> the classes, where the configuration alone says them."""
    nominal: Callable[[Any], Fitted] | None = None
    """nominal(config) -> Fitted of the usual size, to look at a network before there are data."""
    fitted: type | None = None
    """The class of `Dataset.fitted`, with from_json."""
    manifests: Path | None = None
    """Folder of the app's own manifests, beside those of the suite."""
    data_sets: tuple[str, ...] = ()
    """Names of manifests that `prepare` knows."""
    suffixes: tuple[str, ...] = ()
    """Endings of the files that `predict` takes from a folder."""
    paths: tuple[str, ...] = ("data",)
    """Values of the configuration, with dots, that may name files or folders; a run keeps them absolute."""
    free_axes: Mapping[int, str] = field(default_factory=dict)
    """Axes of a batch, beside the batch axis 0, whose length varies: {1: "words"}; the ONNX file keeps them free."""
    literal: bool = False
    """Whether inputs may be given as themselves, as texts are, and not only as files."""
    encode: Callable[[Any], bytes] | None = None
    """encode(value) -> bytes that `read` takes, of an array or another object of Python."""
    what: str = "input"
    """What one input is called in messages: picture, recording, ..."""
    step: Callable[[Any], Step] | None = None
    """step(config) -> Step, where more than cross-entropy over classes is trained."""
    multilabel: Callable[[Any], bool] | None = None
    """multilabel(config): whether a sample may have several labels, or none; targets are then (N, labels)."""
    forward: Callable[[Any], Forward] | None = None
    """forward(config) -> a faster way than model(inputs) to the logits, for evaluation and prediction; lenses, which
    look into layers, never take it. `step` takes it where it should be taken in training."""
    further: Callable[[Any], Further | None] | None = None
    """further(config) -> what a network of this configuration says beside its logits; None where that is nothing."""
    beside: Callable[..., dict[str, Any]] | None = None
    """beside(run, onnx) writes what else there is to export beside the ONNX file `onnx`, and says what it wrote."""
    report: Callable[..., tuple[dict[str, Any], str]] | None = None
    """report(run, data, logits, folder) -> (dict, text): what evaluate adds in this domain, pictures into folder."""
    gallery: bool = True
    """Whether evaluate draws the mistakes on one sheet; False where the app's report lists them."""
    initialize: Callable[..., None] | None = None
    """initialize(model, config) puts given vectors and the like into a new model; not called for saved ones."""
    maximize: Callable[..., Maximized] | None = None
    """maximize(run, objectives, config, *, seed, progress) -> Maximized: valid inputs that excite units most.
    `config` is a MaximizeConfig. Without it, gradient ascent on the raw input, through the front."""
    patch: Callable[..., np.ndarray] | None = None
    """patch(input, box) -> picture of a part, box = (start, stop) on each axis of places; may reach beyond the edge."""
    marked: Callable[..., np.ndarray] | None = None
    """marked(input, label, heat=None) -> what `render` shows, with the class marked, where classes are places, as moves
    are; `explain` shows it in its own size."""
    views: Mapping[str, View] = field(default_factory=dict)
    """What `visualize` shows beside the shared views."""
    offers: tuple[str, ...] = SHARED_VERBS
    """The shared verbs that the app has."""
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    """Verbs of the app's own, or in place of a shared one."""

    medium: Callable[..., tuple[str, bytes]] | None = None
    """medium(input) -> (MIME type, content), text/plain or audio/wav, where an input is read or heard; else `render`
    shows it."""
    ranges: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Preset -> setting, with dots -> its range (`cnn_core.verbs.measures.tuning.ranges`), where `tune` searches; for a
    preset that is not named, learning rate, weight decay and label smoothing."""
    estimator: Callable[[], type] | None = None
    """estimator() -> the class that trains its networks as scikit-learn's estimators do."""

    def with_fitted(self, fitted: Fitted | None) -> App:
        """The same app whose functions know what the training data decided; itself where that is nothing."""
        if fitted is None:
            return self
        names = ("load", "read", "build", "example", "initialize", "render", "patch", "marked", "medium")
        return replace(self, **{n: partial(getattr(self, n), fitted=fitted) for n in names if getattr(self, n)})

    def several_labels(self, config: Any) -> bool:
        """Whether a sample may have several labels, or none, each told by itself."""
        return self.multilabel is not None and self.multilabel(config)

    def forward_of(self, config: Any) -> Forward:
        """The way to the logits for evaluation and prediction; imports torch."""
        from cnn_core.training.inference import call

        return self.forward(config) if self.forward else call

    def further_of(self, config: Any) -> Further | None:
        """What a network of this configuration says beside its logits, if anything."""
        return self.further(config) if self.further else None

    @property
    def prog(self) -> str:
        """Name of the command."""
        return f"cnn-{self.name}"

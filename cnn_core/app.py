"""App: what one domain brings to the shared verbs. A frozen value of plain data and functions; no torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any


def lazy(target: str) -> Callable[..., Any]:
    """The function "module:name", imported when it is first called: torch takes seconds, and --help has none."""

    def call(*args: Any, **kwargs: Any) -> Any:
        module, _, name = target.partition(":")
        return getattr(import_module(module), name)(*args, **kwargs)

    call.__qualname__ = call.__name__ = target
    return call


@dataclass(frozen=True)
class App:
    """One domain of the suite.

    load(config) -> cnn_core.training.data.Dataset; read(path or bytes) -> one input as a numpy array, in the compact
    type of the data set; build(config, labels) -> nn.Module from a batch of such inputs to logits
    (B, len(labels)); render(input, heat=None) -> picture, uint8 (H, W) or (H, W, 3).

    Every model has a child `front`, which is the first thing its forward pass applies to the inputs, and applies
    once: lenses look at what the front end gives (pixels, a spectrogram, planes of a board, word vectors).

    Where the data set keeps something (`Dataset.kept`), load, read, build, render, patch and start take it as `kept`.
    """

    name: str
    """Short name: the command is cnn-<name>, runs go to runs/<name>/."""
    about: str
    """One sentence for --help."""
    config: type
    """Frozen dataclass with fields `data` (name or path) and `fit` (FitConfig), and what the app adds."""
    presets: Mapping[str, Any]
    default_preset: str
    load: Callable[..., Any]
    read: Callable[[Path | bytes], Any]
    build: Callable[..., Any]
    render: Callable[..., Any]
    """`heat` (float, the places of what the front end gives) is drawn over the input, red for, blue against."""
    data_sets: tuple[str, ...]
    """Manifests that `prepare` knows."""
    suffixes: tuple[str, ...]
    """Endings of the files that `predict` takes from a folder."""
    free_axes: Mapping[int, str] = field(default_factory=dict)
    """Axes of a batch, beside the batch axis 0, whose length varies: {1: "words"}; the ONNX file keeps them free."""
    what: str = "input"
    """What one input is called in messages: picture, recording, ..."""
    step: Callable[[Any], Any] | None = None
    """step(config) -> cnn_core.training.inference.Step, where cross-entropy over classes is not what is trained."""
    report: Callable[..., Any] | None = None
    """report(run, data, logits, folder) -> (dict, text): what evaluate adds in this domain, pictures into folder."""
    gallery: bool = True
    """Whether evaluate draws the mistakes on one sheet; False where the app's report lists them."""
    start: Callable[..., Any] | None = None
    """start(model, config) gives a new model what it begins with (pretrained vectors); not called for a saved one."""
    wanted: Callable[..., Any] | None = None
    """wanted(run, objectives, wish, *, seed, progress) -> Wanted (visual/optimization/config.py), valid inputs."""
    patch: Callable[..., Any] | None = None
    """patch(input, box) -> picture of a part, box = (start, stop) on each axis of places; may reach beyond the edge."""
    looks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What `visualize` shows beside the shared looks: name -> (about, module with look(app, run, options))."""
    offers: tuple[str, ...] = ("prepare", "train", "evaluate", "predict", "visualize", "explain", "export", "summary")
    """The shared verbs that the app has."""
    verbs: Mapping[str, Any] = field(default_factory=dict)
    """Verbs of the app's own, or in place of a shared one: name -> cnn_core.cli.Verb."""

    def keeping(self, kept: Mapping[str, Any] | None) -> "App":
        """The same app whose functions know what a data set or a run keeps; itself where that is nothing."""
        if not kept:
            return self
        names = ("load", "read", "build", "render", "patch", "start")
        known = {name: partial(getattr(self, name), kept=kept) for name in names if getattr(self, name)}
        return replace(self, **known)

    @property
    def prog(self) -> str:
        """Name of the command."""
        return f"cnn-{self.name}"

"""App: what one domain brings to the shared verbs. A frozen value of plain data and functions; no torch here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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

    load(config) -> cnn_core.data.Dataset; read(path or bytes) -> one input as a numpy array, in the compact
    type of the data set; build(config, labels) -> nn.Module from a batch of such inputs to logits
    (B, len(labels)); render(input, heat=None) -> picture, uint8 (H, W) or (H, W, 3).

    Every model has a child `front`, which is the first thing its forward pass applies to the inputs, and applies
    once: lenses look at what the front end gives (pixels, a spectrogram, planes of a board, word vectors).
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
    what: str = "input"
    """What one input is called in messages: picture, recording, ..."""
    step: Callable[[Any], Any] | None = None
    """step(config) -> cnn_core.inference.Step, where cross-entropy over classes is not what is trained."""
    report: Callable[..., Any] | None = None
    """report(run, data, logits, folder) -> (dict, text): what evaluate adds in this domain, pictures into folder."""
    wanted: Callable[..., Any] | None = None
    """wanted(model, objectives, options) -> Wanted: the valid inputs that excite units most (cnn_core.verbs.wanted)."""
    offers: tuple[str, ...] = ("prepare", "train", "evaluate", "predict", "visualize", "explain", "export", "summary")
    """The shared verbs that the app has."""
    verbs: Mapping[str, Any] = field(default_factory=dict)
    """Verbs of the app's own, or in place of a shared one: name -> cnn_core.cli.Verb."""

    @property
    def prog(self) -> str:
        """Name of the command."""
        return f"cnn-{self.name}"

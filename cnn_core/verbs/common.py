"""The options that all verbs share, and how a verb's options are parsed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass, replace
from typing import Any, Literal, TypeVar

from cnn_core import config
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.verbs.run_argument import takes_run, with_run

T = TypeVar("T")


@dataclass(frozen=True)
class Common:
    """Options of every verb."""

    json: bool = False
    """Print one JSON object on standard output."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:NUMBER or mps."""
    seed: int = 0
    """Seed of everything random."""
    threads: int = 0
    """CPU threads; 0 leaves it to torch."""


@dataclass(frozen=True)
class Shared:
    """Base of the options: carries the common ones."""

    common: config.flat(Common) = field(default_factory=Common)  # type: ignore[valid-type]


@dataclass(frozen=True, kw_only=True)
class Answering(Shared):
    """Base of the options of verbs that answer with a trained network, see `cnn_core.verbs.answers.opened`."""

    engine: Literal["auto", "onnx", "torch"] = "auto"
    """What computes: auto takes onnxruntime, which starts in a tenth of the time, where the run has an exported file
    of its weights (`train` makes one at its end), else PyTorch."""


@dataclass(frozen=True, kw_only=True)
class FromPreset(Shared):
    """Base of the options of verbs that take a configuration."""

    preset: str = ""
    """Configuration to start from; every value of it can be overridden below."""


def parser(cls: type[T], about: str):
    """The parse(app, prog, args) function of a verb whose options are `cls`."""

    def parse(app: App, prog: str, args: Sequence[str]) -> T:
        return parsed(cls, app, prog, args, about)

    return parse


def parsed(cls: type[T], app: App, prog: str, args: Sequence[str], about: str) -> T:
    """The options `cls`; their RUN may be left out or be the name of a ready-made network. Raises UserError."""
    if takes_run(cls):
        args = with_run(app, cls, prog, args)
    return config.parse(cls, args, prog=prog, about=about)


def preset(app: App, name: str) -> Any:
    """The preset `name`. Raises UserError listing those there are."""
    if name not in app.presets:
        raise UserError(f"unknown preset {name!r}; the presets of {app.prog} are {', '.join(app.presets)}")
    return app.presets[name]


def parse_preset(cls: type[FromPreset], app: App, prog: str, args: Sequence[str], about: str) -> Any:
    """Options `cls` and, as field `config`, the app's configuration; defaults are those of the preset at --preset."""
    default = preset(app, _named_option(args, "--preset", app.default_preset))
    fields = [("config", config.flat(app.config), field(default=default))]
    options = make_dataclass(cls.__name__, fields, bases=(cls,), frozen=True, kw_only=True)
    parsed = config.parse(options, args, prog=prog, about=about)
    named, usual = parsed.config.fit, default.fit
    if named.epochs != usual.epochs and named.least_steps == usual.least_steps:
        parsed = replace(parsed, config=replace(parsed.config, fit=replace(named, least_steps=0)))
    return parsed


def _named_option(args: Sequence[str], flag: str, default: str) -> str:
    """The value of `--flag value` or `--flag=value`, read before the rest can be parsed."""
    value = default
    for i, arg in enumerate(args):
        if arg == flag and i + 1 < len(args):
            value = args[i + 1]
        elif arg.startswith(f"{flag}="):
            value = arg.partition("=")[2]
    return value

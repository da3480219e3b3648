"""The argument RUN: a run folder, @NAME for a ready-made network, or nothing for the app's own ready-made one."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnn_core.app import App
from cnn_core.config import positional_mark
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.networks import pretrained


def takes_run(cls: type) -> bool:
    """Whether options `cls` begin with the argument RUN."""
    return any(each.name == "run" for each in dataclasses.fields(cls))


def with_run(app: App, cls: type, prog: str, args: Sequence[str]) -> list[str]:
    """`args` with RUN made a path: a name @NAME in place, or the app's default network put before the other arguments.

    The first word is a run only if it is a run folder or begins with @. Raises UserError where it is neither and looks
    as if a run was meant, and where no run is named and the app has no ready-made network.
    """
    args = list(args)
    if any(word in ("-h", "--help") for word in args):
        return args
    names, words = _positionals(cls), _words(cls, args)
    place = names.index("run")
    if len(words) < place:
        raise UserError(f"{names[len(words)].upper()} is missing: {prog} {' '.join(names).upper()} (see {prog} --help)")
    _check_order(app, prog, [args[i] for i in words[place + 1 :]])
    at = words[place] if len(words) > place else len(args)
    word = args[at] if len(words) > place else None
    if word is not None:
        if _is_run(Path(word)):
            return args
        if word.startswith(pretrained.MARK) and not any(map(str.isspace, word)):
            args[at] = str(pretrained.run_path(word))
            return args
        others = len(names) > place + 1 and names[place + 1] != "target"
        default = getattr(cls, names[place + 1], None) if others else None
        folder = others and not _takes_many(cls, names[place + 1]) and Path(word).is_dir()  # one file is no folder
        if not others or folder or (word != default and _is_meant_as_run(word, app.literal)):
            raise UserError(_neither(app, word, others))
    name = pretrained.default(app.name)
    if not name:
        raise UserError(f"name the run: {prog} RUN ...; make one with `{app.prog} train`")
    note(f"no run is named, so the ready-made network {name} answers")
    args.insert(at, str(pretrained.run_path(name)))
    return args


def _check_order(app: App, prog: str, others: Sequence[str]) -> None:
    """Raise UserError where a ready-made network is named behind what it should read."""
    known = {pretrained.MARK + card.name for card in pretrained.cards(app.name)}
    for word in others:
        if word in known and not Path(word).exists():
            raise UserError(f"{word}: the network is named first: {prog} {word} ...")


def _words(cls: type, args: Sequence[str]) -> list[int]:
    """Where the arguments stand that are no options and no options' values."""
    counts = _value_counts(cls)
    found: list[int] = []
    left: float = 0  # values that still belong to the last option
    for i, word in enumerate(args):
        if word == "--":
            return [*found, *range(i + 1, len(args))]
        if word.startswith("--"):
            left = 0 if "=" in word else counts.get(word.removeprefix("--"), 1)
        elif left:
            left -= 1
        else:
            found.append(i)
    return found


def _value_counts(cls: type) -> dict[str, float]:
    """How many values each option takes where it is not one: none for switches, any number for tuples."""
    hints = typing.get_type_hints(cls)
    counts: dict[str, float] = {}
    for each in dataclasses.fields(cls):
        hint, name = hints[each.name], each.name.replace("_", "-")
        if dataclasses.is_dataclass(hint):
            counts |= _value_counts(hint)  # type: ignore[arg-type]
        elif hint is bool or bool in typing.get_args(hint):
            counts |= {name: 0, f"no-{name}": 0}
        elif typing.get_origin(hint) is tuple:
            counts[name] = math.inf if ... in typing.get_args(hint) else len(typing.get_args(hint))
    return counts


def _positionals(cls: type) -> list[str]:
    """Fields that are given by their place, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return [each.name for each in dataclasses.fields(cls) if _is_positional(hints[each.name])]


def _takes_many(cls: type, name: str) -> bool:
    return typing.get_origin(typing.get_type_hints(cls)[name]) is tuple


def _is_positional(hint: Any) -> bool:
    marks = getattr(hint, "__metadata__", ())
    return any(mark is positional_mark() for mark in marks)


def _is_run(path: Path) -> bool:
    try:
        return (path / "config.json").is_file()
    except (OSError, ValueError):  # a text, too long for a name or with a zero in it
        return False


def _is_meant_as_run(word: str, literal: bool) -> bool:
    """Whether the word looks like the name of a run rather than like an input, and is neither.

    That is a folder that once held a checkpoint, and a name that nothing has: where inputs may be `literal` texts, one
    with a / and no blank; where they are files, any that is no number of a test sample and not -.
    """
    try:
        path = Path(word)
        if path.exists():
            return any((path / name).exists() for name in ("last", "best", "log.jsonl"))
    except (OSError, ValueError):
        return False
    if literal:
        return "/" in word and not any(map(str.isspace, word))
    return word != "-" and not word.isdecimal()


def _neither(app: App, word: str, others: bool) -> str:
    if Path(word).is_dir():
        return f"{word}: not a run folder (it has no config.json); runs are made by `{app.prog} train --out {word}`"
    meant = f"neither a run folder nor a {app.what}" if others else "no such run folder"
    return f"{word}: {meant}; runs are made by `{app.prog} train`, ready-made networks listed by `{app.prog} networks`"

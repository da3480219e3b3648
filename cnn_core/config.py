"""Frozen dataclass <-> JSON <-> command line. The only file that imports tyro."""

import dataclasses
import io
import types
import typing
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from typing import Any, Literal, TypeVar, cast

from cnn_core.errors import UserError
from cnn_core.files import plain

T = TypeVar("T")

MOST_ITEMS = 10_000  # of a list in a configuration; a network has an entry for each block


def to_json(config: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON data; tuples become lists."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return [plain(item) for item in value] if isinstance(value, tuple | list) else value

    return plain(config)


def from_json(cls: type[T], data: Any, where: str = "") -> T:
    """Build `cls` from what `to_json` gave. Fields that are missing take their default.

    A class variable MOVED tells where fields of earlier versions are now: {"old": "new"}, {"old": "inner.new"}, or
    {"old": ""} where they are gone.
    Raises UserError for unknown fields and values of another type, naming the field.
    """
    where = where or cls.__name__
    if not isinstance(data, dict):
        raise UserError(f"{where}: expected an object with fields, not {_short(data)}")
    data = _moved(data, getattr(cls, "MOVED", {}), where)
    hints = typing.get_type_hints(cls)
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(data.keys() - names)
    if unknown:
        raise UserError(f"{where}: unknown field {unknown[0]!r}; it was written by another version")
    return cls(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in data.items()})


def changed(config: T, settings: Mapping[str, Any], where: str = "") -> T:
    """The configuration with other values for the fields that `settings` names with dots: {"fit.epochs": 3}.

    Raises UserError for a field that it does not have and a value that does not fit it; `where` begins the message.
    """
    data = to_json(config)
    for name, value in settings.items():
        *outer, last = name.split(".")
        inner = data
        for part in outer:
            inner = inner.get(part)
            if not isinstance(inner, dict):
                break
        if not isinstance(inner, dict) or last not in inner:
            raise UserError(f"{where}: " * bool(where) + f"there is no setting {name!r}")
        inner[last] = plain(value)
    return from_json(type(config), data, where)


def _moved(data: dict[str, Any], moved: Mapping[str, str], where: str) -> dict[str, Any]:
    """A copy of `data` with the fields named in `moved` in their new places."""
    data = dict(data)
    for old in moved.keys() & data.keys():
        value = data.pop(old)
        if not moved[old]:
            continue
        outer, _, name = moved[old].rpartition(".")
        if not outer:
            data[name] = value
        elif isinstance(inner := data.get(outer, {}), dict):
            data[outer] = {**inner, name: value}
        else:
            raise UserError(f"{where}.{outer}: expected an object with fields, not {_short(inner)}")
    return data


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_json(hint, value, where)  # type: ignore[arg-type]
    if origin is Literal and value in parts:
        return value
    if origin is tuple and isinstance(value, list | tuple) and len(value) <= MOST_ITEMS:
        hints = parts[:1] * len(value) if parts[-1:] == (Ellipsis,) else parts
        if len(hints) == len(value):
            return tuple(_value(h, v, where) for h, v in zip(hints, value, strict=True))
    if origin is dict and isinstance(value, dict):
        return {name: _value(parts[1], item, f"{where}.{name}") for name, item in value.items()}
    if origin in (typing.Union, types.UnionType):
        for part in parts:
            try:
                return _value(part, value, where)
            except UserError:
                continue
    if hint is Any or (hint is type(None) and value is None):
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    raise UserError(f"{where}: {_short(value)} does not fit the type {getattr(hint, '__name__', hint)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def parse(cls: type[T], args: Sequence[str], *, prog: str, about: str = "", default: T | None = None) -> T:
    """Parse command-line arguments into `cls`; --help prints and leaves with status 0.

    Raises UserError with one line where tyro would print a box.
    """
    import tyro

    problems = io.StringIO()
    try:
        with redirect_stderr(problems):
            return tyro.cli(
                cls,
                args=list(args),
                prog=prog,
                description=about or None,
                default=cast(T, default),
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as end:
        if not end.code:
            raise
        raise UserError(f"{_one_line(problems.getvalue())} (see {prog} --help)") from None


def _one_line(box: str) -> str:
    """The message in one of tyro's boxes: its text up to the first rule.

    Where the output knows ASCII alone the box is made of rules too, and the first one stands under its title.
    """
    words: list[str] = []
    titled = "╭" in box
    for line in box.splitlines():
        text = line.strip().strip("│").strip()
        if text and not text.strip("─-"):
            if titled:
                break
            titled, words = True, []
            continue
        if text and not text.startswith(("╭", "╰")):
            words.append(text)
    return " ".join(words).rstrip(".") or "the arguments could not be read"


def positional(hint: Any) -> Any:
    """Annotation of a field that is given by its place, not by a flag."""
    import tyro

    return tyro.conf.Positional[hint]


def positional_mark() -> Any:
    """What `positional` adds to an annotation."""
    import tyro

    return typing.get_args(tyro.conf.Positional[str])[1]


def flat(hint: Any) -> Any:
    """Annotation of a dataclass field whose own fields become flags without a prefix."""
    import tyro

    # An empty text: for its own, tyro would read the source of every class again at each start.
    return typing.Annotated[hint, tyro.conf.arg(name="", help="")]

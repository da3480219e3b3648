"""An unpickler for files from strangers: numpy arrays and plain values, and nothing else.

A pickle is a program. This reader resolves a handful of names that numpy arrays need (as numpy 1, `numpy.core`,
and numpy 2, `numpy._core`, write them) and answers each with a stand-in of its own, so that no function of numpy or
of Python is ever called with a stranger's arguments: shapes, types and bytes are collected, checked, and made
into arrays at the end. Numbers and strings of fixed size only; arrays of objects and records are refused.
Pickles of Python 2 are read too, their byte strings as latin-1.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from cnn_core.errors import UserError

_SIMPLE = re.compile(r"[<>|=]?(?:[biufcSU]\d{1,9}|\?)")


def load_arrays(stream: IO[bytes], name: str) -> Any:
    """Read one pickle: arrays inside any nesting of tuples, lists and dicts, with plain values.

    `name` stands for the file in messages. Raises UserError where the pickle is broken, or asks for anything
    besides numpy arrays of numbers or strings.
    """
    try:
        return _finish(_Unpickler(stream, encoding="latin1").load())
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    except OSError:
        raise
    except Exception as error:  # a broken pickle raises nearly anything, MemoryError and RecursionError too
        raise UserError(f"{name}: not a whole pickle of numpy arrays ({error})") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        allowed = _NAMES.get((module.replace("numpy._core", "numpy.core"), name))
        if allowed is None:
            raise UserError(f"the pickle asks for {module}.{name}, and only numpy arrays are allowed: refused")
        return _Function(allowed)


class _Function:
    """A stand-in that can be called; it takes no state, so a pickle cannot alter it."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[..., Any]):
        self.call = call

    def __call__(self, *args: Any) -> Any:
        return self.call(*args)

    def __setstate__(self, state: Any) -> None:
        raise UserError("the pickle alters a function: refused")


class _Type:
    """A dtype in the making: first its code ("f4"), then, as state, its byte order."""

    __slots__ = ("code",)

    def __init__(self, code: Any, *_flags: Any):
        if not isinstance(code, str) or not _SIMPLE.fullmatch(code):
            raise UserError(
                f"the pickle holds an array of type {code!r}; only numbers and strings are allowed: refused"
            )
        self.code = code.lstrip("<>|=")

    def __setstate__(self, state: Any) -> None:
        _, order, subtype, names, fields, *_ = state
        if order not in ("<", ">", "|", "=") or any(part is not None for part in (subtype, names, fields)):
            raise UserError("the pickle holds an array of records; only numbers and strings are allowed: refused")
        self.code = order + self.code

    def dtype(self) -> np.dtype:
        return np.dtype(self.code)


class _Array:
    """An array in the making."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        *_, shape, kind, fortran, data = state
        self.value = _assemble(data, kind, shape, "F" if fortran else "C")


def _assemble(data: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    if isinstance(data, str):  # a byte string of Python 2
        data = data.encode("latin1")
    if not isinstance(kind, _Type) or not isinstance(data, bytes | bytearray):
        raise UserError("the pickle holds an array that is not of plain numbers: refused")
    shape = (shape,) if isinstance(shape, int) else shape
    if not isinstance(shape, tuple) or not all(isinstance(size, int) and size >= 0 for size in shape):
        raise UserError(f"the pickle holds an array of shape {shape!r}: refused")
    dtype = kind.dtype()
    if math.prod(shape) * dtype.itemsize != len(data):
        raise UserError(f"the pickle holds an array of shape {shape} with {len(data)} bytes: they do not fit")
    flat = np.frombuffer(data, dtype) if data else np.zeros(0, dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(*_arguments: Any) -> _Array:
    return _Array()


def _frombuffer(data: Any, kind: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.value = _assemble(data, kind, shape, order)
    return array


def _scalar(kind: Any, data: Any) -> Any:
    return _assemble(data, kind, (), "C")[()]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if encoding != "latin1" or not isinstance(text, str):
        raise UserError("the pickle encodes text in an unusual way: refused")
    return text.encode("latin1")


def _empty_bytes(*arguments: Any) -> bytes:
    if arguments:
        raise UserError("the pickle builds bytes in an unusual way: refused")
    return b""


def _no_call(*_arguments: Any) -> Any:
    raise UserError("the pickle builds an array in an unusual way: refused")


_NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _no_call,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _empty_bytes,
    ("builtins", "bytes"): _empty_bytes,
}


def _finish(value: Any) -> Any:
    """Put the finished arrays where their stand-ins lie."""
    if isinstance(value, _Array):
        if value.value is None:
            raise UserError("the pickle holds an unfinished array: refused")
        return value.value
    if isinstance(value, _Type):
        return value.dtype()
    if isinstance(value, _Function):
        raise UserError("the pickle holds a function: refused")
    if isinstance(value, tuple | list):
        return type(value)(_finish(part) for part in value)
    if isinstance(value, dict):
        return {_finish(key): _finish(part) for key, part in value.items()}
    return value

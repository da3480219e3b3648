"""Results kept by content: the same model, question and seed give the answer at once.

An entry is one safetensors file, named by the hash of everything the result depends on: the model's weights,
structure and code, the question (objectives, canvas, options, seed) and the versions. It lies in the suite's
cache, folder `visual`. When the folder outgrows its bound, the entries not used for longest go.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.fetching.sources import cache_folder
from cnn_core.files import atomic

BOUND = 512 * 2**20  # bytes that all entries may take
VERSION = 2  # to be raised when a method here changes its results


class _NoContent(Exception):
    """The question holds something that has no content to hash: a user's function."""


def remember(what: str, model: nn.Module, asked: Any, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors that `compute` gives, from the cache when the same was asked before.

    A question with the user's functions in it is always computed, since a function has no content to compare.
    A damaged entry is computed anew. A cache that cannot be written to is not an error: the result is given all the
    same.
    """
    try:
        key = fingerprint(what, VERSION, torch.__version__, model, asked)
    except _NoContent:
        return compute()
    path = cache_folder() / "visual" / f"{what}-{key}.safetensors"
    found = _read(path)
    if found is not None:
        return found
    result = compute()
    with suppress(UserError):  # raised for a full or read-only disk
        with atomic(path) as temporary:
            temporary.write_bytes(_packed(result))
            _used(temporary)
        _trim(path.parent, keep=path)
    return result


def fingerprint(*parts: Any) -> str:
    """SHA-256 over the content of plain values, dataclasses, tensors and modules; 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()


def _feed(digest: hashlib._Hash, value: Any) -> None:
    def mark(text: str) -> None:
        digest.update(f"{text};".encode())

    if value is None or isinstance(value, bool | int | float | str | bytes | complex | torch.dtype | torch.device):
        mark(f"{type(value).__name__}:{value!r}")
    elif isinstance(value, Tensor):
        tensor = value.detach().cpu().contiguous()
        mark(f"tensor:{tensor.dtype}:{tuple(tensor.shape)}")
        digest.update(tensor.view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    elif isinstance(value, nn.Module):
        _feed_module(digest, value)
    elif isinstance(value, Mapping):
        mark(f"mapping:{len(value)}")
        for key in sorted(value, key=str):
            _feed(digest, key)
            _feed(digest, value[key])
    elif isinstance(value, list | tuple):
        mark(f"sequence:{len(value)}")
        for item in value:
            _feed(digest, item)
    elif isinstance(value, range):
        _feed(digest, tuple(value))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        mark(f"{type(value).__module__}.{type(value).__qualname__}")
        for field in dataclasses.fields(value):
            mark(field.name)
            _feed(digest, getattr(value, field.name))
    else:
        raise _NoContent(type(value).__name__)


def _feed_module(digest: hashlib._Hash, model: nn.Module) -> None:
    for name, module in model.named_modules():
        kind = type(module)
        plain = {
            key: setting
            for key, setting in vars(module).items()
            if key != "training" and isinstance(setting, bool | int | float | str | tuple | torch.dtype)
        }
        digest.update(f"{name}:{kind.__module__}.{kind.__qualname__}:{sorted(plain.items())!r};".encode())
        if isinstance(code := getattr(kind.forward, "__code__", None), types.CodeType):
            _feed_code(digest, code)
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name};".encode())
        if isinstance(tensor, Tensor):
            _feed(digest, tensor)


def _feed_code(digest: hashlib._Hash, code: types.CodeType) -> None:
    # Instructions, names and constants: two classes of one name with different forward passes must not be mixed up.
    digest.update(code.co_code)
    digest.update(repr(code.co_names).encode())
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _feed_code(digest, constant)
        else:
            digest.update(repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant).encode())


def _packed(result: dict[str, Tensor]) -> bytes:
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in result.items()}
    body = save(tensors)
    return body + hashlib.sha256(body).digest()


def _read(path: Path) -> dict[str, Tensor] | None:
    try:
        content = path.read_bytes()
        _used(path)
    except OSError:
        return None
    body, checksum = content[:-32], content[-32:]
    if hashlib.sha256(body).digest() != checksum:
        return None
    try:
        return load(body)
    except SafetensorError:
        return None


def _used(path: Path) -> None:
    # The system's own stamp is only good to some milliseconds, too coarse to tell which was used last.
    now = time.time_ns()
    with suppress(OSError):
        os.utime(path, ns=(now, now))


def _trim(folder: Path, keep: Path) -> None:
    with suppress(OSError):  # another process may trim at the same time
        entries = sorted((path for path in folder.glob("*.safetensors")), key=lambda path: path.stat().st_mtime_ns)
        total = sum(path.stat().st_size for path in entries)
        for path in entries:
            if total <= BOUND:
                return
            if path != keep:
                total -= path.stat().st_size
                path.unlink(missing_ok=True)

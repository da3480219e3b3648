"""The notices of everything that a page carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, files
from typing import Any

from apps.playground.runtime import PACKAGE, VERSION
from cnn_core.errors import UserError
from cnn_core.fetching.manifests import load_manifest

SUITE = "The page and the network's code: CNN suite, MIT licence."


def notices(cards: Iterable[Mapping[str, Any]]) -> bytes:
    """The notices of the suite, of the runtime with its third parties, and of the networks' data sets; UTF-8 text."""
    found = [SUITE, f"{PACKAGE} {VERSION}\n\n{_onnxruntime()}"]
    for name in sorted({name for card in cards for name in (card["data"], *card.get("carries", ()))}):
        try:
            manifest = load_manifest(name)
        except UserError:  # data of the network's owner
            continue
        found.insert(1, f"{manifest.title}\n\n{manifest.licence}\n{manifest.citation}")
    return f"\n\n{'-' * 70}\n\n".join(found).encode()


def _onnxruntime() -> str:
    """The licence and third parties of onnxruntime, as its Python package brings them."""
    try:
        names = {path.name: path for path in files("onnxruntime") or ()}
        parts = [names[name].read_text(encoding="utf-8") for name in ("LICENSE", "ThirdPartyNotices.txt")]
    except (PackageNotFoundError, KeyError, OSError):
        return "MIT licence, Copyright (c) Microsoft Corporation."
    return "\n\n".join(parts)

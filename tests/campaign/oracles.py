"""What must be the same after a kill: answers, weights, the user's files, and the folder around them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests.campaign.children import Ended
from tests.campaign.tally import Tally


def answer_of(ended: Ended, out: Path) -> Any:
    """What is to be the same each time: the JSON without clocks and places, and the bytes of the file."""
    value = _timeless(json.loads(ended.out.splitlines()[-1]) if ended.out.strip().startswith("{") else {})
    return value, hashlib.sha256(out.read_bytes()).hexdigest() if out.exists() else ""


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _timeless(item) for key, item in value.items() if not re.search("second|path|onnx|page|cache", key)
        }
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, str]:
    """Digests of what a run's answers depend on: weights, state, calibration."""
    names = [*folder.rglob("*.safetensors"), *folder.rglob("calibration.json")]
    return {str(path.relative_to(folder)): digest(path) for path in names if not path.name.startswith(".")}


def differences(one: dict[str, str], two: dict[str, str]) -> str:
    """The names in which they differ."""
    names = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    return f"differ in {names}" if names else ""


def digest(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest_of_tree(place: Path) -> str:
    """One digest over names and contents; caches and locks aside."""
    paths = sorted(place.rglob("*")) if place.is_dir() else [place]
    parts = [f"{path}:{digest(path)}" for path in paths if path.is_file() and not path.name.startswith(".")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def check_strays(folder: Path, expected: set[str], name: str, tally: Tally) -> bool:
    """Whether there was a fault: something in the folder that no argument named."""
    strays = [path.name for path in folder.iterdir() if path.name not in expected and not path.name.startswith(".")]
    if strays:
        tally.fault(name, f"written outside: {strays}")
    return bool(strays)

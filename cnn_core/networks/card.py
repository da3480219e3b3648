"""The card of a network that is handed on: README.md, Markdown with a YAML head as the Hugging Face Hub reads it.

Mitchell et al. 2019, "Model Cards for Model Reporting". Whatever comes from data or users (labels, names, titles) is
escaped: it is text, never Markdown, HTML or YAML.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnn_core.console import json_text, visible

TASKS = {"digits": "image-classification", "text": "text-classification", "speech": "audio-classification"}
"""Names that the Hub has for what apps do."""
NOT_FOR = "data unlike those that it was trained and tested on; no decision about people, money or safety"
MOST_LABELS = 100  # that the card names
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$]|^[-+=#]|(?<=^\d)[.)](?=\s))")
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.+-]*")


@dataclass(frozen=True)
class Facts:
    """What a card says."""

    app: str
    title: str
    preset: str
    data: str
    """Name or title of the training data."""
    data_licence: str
    licence: str
    """Of the weights."""
    labels: Sequence[str]
    command: str
    """That trains such a network."""
    version: str
    """Of this suite."""
    parameters: int
    holds: Sequence[str]
    """What of the training data the files hold."""
    figures: Mapping[str, Any]
    """Measured on the test data: test, count, and accuracy with accuracy_interval, or micro_f1 with micro_interval."""
    temperature: float
    calibration_samples: int
    not_for: str = NOT_FOR
    citation: str = ""
    cpu_seconds: float = 0.0


def markdown(facts: Facts) -> str:
    """The whole file."""
    parts = [
        f"# {plain(facts.title)}",
        f"A network of `cnn-{facts.app}` (cnn-suite {plain(facts.version)}), {facts.parameters:,} parameters.",
        "## Use\n\n"
        + _code(
            f"cnn-{facts.app} pull SOURCE RUN   # this folder, or hf:OWNER/NAME: verified, nothing in it is executed",
            f"cnn-{facts.app} predict RUN ...",
        ),
        f"## Answers\n\n{_labels(facts.labels)}",
        f"## Measured\n\n{_figures(facts)}",
        f"## Not for\n\n{plain(facts.not_for)}",
        "## Training\n\n"
        + _bullets(
            f"data: {plain(facts.data)}",
            f"licence of the data: {plain(facts.data_licence)}",
            *([f"cite: {plain(facts.citation)}"] if facts.citation else []),
            f"preset `{facts.preset}`"
            + (f", {facts.cpu_seconds:.1f} CPU-seconds of training" if facts.cpu_seconds else ""),
        )
        + f"\n\n{_code(facts.command)}",
        "## What the files hold of the training data\n\n" + _bullets(*map(plain, facts.holds)),
        f"## Licence of the weights\n\n{plain(facts.licence)}",
    ]
    return f"---\n{_head(facts)}---\n\n" + "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """`text` as Markdown that shows it as it is, on one line."""
    shown = visible(" ".join(text.split()))
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", shown)


def _head(facts: Facts) -> str:
    licence = facts.licence.lower()
    values: dict[str, Any] = {"library_name": "cnn-suite"}
    if _IDENTIFIER.fullmatch(licence):
        values["license"] = licence
    else:
        values |= {"license": "other", "license_name": facts.licence}
    task = TASKS.get(facts.app)
    if task:
        values["pipeline_tag"] = task
    values["tags"] = ["cnn-suite", f"cnn-{facts.app}", "convolutional-network", "safetensors"]
    metrics = _metrics(facts)
    if metrics:
        result = {
            "task": {"type": task or "other"},
            "dataset": {"name": facts.data, "type": facts.data, "split": "test"},
            "metrics": metrics,
        }
        values["model-index"] = [{"name": facts.title, "results": [result]}]
    # Every value is JSON, of which YAML 1.2 is a superset: nothing in it can end the head.
    return "".join(f"{name}: {json_text(value)}\n" for name, value in values.items())


def _metrics(facts: Facts) -> list[dict[str, Any]]:
    found = facts.figures
    if "accuracy" in found:
        return [{"type": "accuracy", "value": round(found["accuracy"], 5)}]
    if "micro_f1" in found:
        return [{"type": "f1", "value": round(found["micro_f1"], 5)}]
    return []


def _figures(facts: Facts) -> str:
    found = facts.figures
    lines = []
    if "accuracy" in found:
        low, high = found["accuracy_interval"]
        lines += [f"accuracy {found['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%})"]
        lines += [f"on {found['count']:,} samples: {plain(found['test'])}"]
        if "macro_f1" in found:
            lines += [f"macro F1 {found['macro_f1']:.4f}"]
        lines += [f"expected calibration error {found['expected_calibration_error']:.2%}"]
    elif "micro_f1" in found:
        low, high = found["micro_interval"]
        lines += [f"micro F1 {found['micro_f1']:.4f} (95 % interval {low:.4f} to {high:.4f})"]
        lines += [f"on {found['count']:,} samples: {plain(found['test'])}", f"macro F1 {found['macro_f1']:.4f}"]
    else:
        lines += ["nothing, when this card was made"]
    if facts.calibration_samples:
        lines += [f"probabilities: temperature {facts.temperature:.3f}, from {facts.calibration_samples:,} samples"]
    else:
        lines += ["probabilities are not calibrated"]
    return _bullets(*lines)


def _labels(labels: Sequence[str]) -> str:
    named = ", ".join(plain(label) for label in labels[:MOST_LABELS])
    return f"{len(labels)}: {named}" + (", ..." if len(labels) > MOST_LABELS else "")


def _bullets(*lines: str) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _code(*lines: str) -> str:
    return "\n".join(f"    {visible(line)}" for line in lines)


def command_line(app: str, preset: str, seed: int, config: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    """The command that trains such a network: what `config` has other than `usual`, the preset's, as options."""
    words = [f"cnn-{app}", "train", "--preset", preset, "--seed", str(seed), *_overrides(config, usual, "")]
    return shlex.join(words)


def _overrides(config: Mapping[str, Any], usual: Mapping[str, Any], prefix: str) -> list[str]:
    words: list[str] = []
    for name, value in config.items():
        other, option = usual.get(name), f"{prefix}{name.replace('_', '-')}"
        if isinstance(value, Mapping):
            words += _overrides(value, other if isinstance(other, Mapping) else {}, f"{option}.")
        elif value == other:
            continue
        elif isinstance(value, bool):
            head, _, last = option.rpartition(".")
            words.append(f"--{option}" if value else f"--{head}{'.' if head else ''}no-{last}")
        elif isinstance(value, list):
            words += [f"--{option}", *map(str, value)]
        else:
            words += [f"--{option}", str(value)]
    return words

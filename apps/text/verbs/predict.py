"""predict: texts given as arguments, lines of files, or standard input line by line as a stream."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import json_text, note, visible
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import files_in
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser

if TYPE_CHECKING:
    from cnn_core.runs import Run

STREAM = "-"
FILE_NAME = re.compile(r"\S+\.[A-Za-z]\w{0,4}")  # one word that ends like "notes.txt": hardly a text


@dataclass(frozen=True, kw_only=True)
class PredictOptions(Shared):
    """Options of predict."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    inputs: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Texts; files (a text a line, or the text column of a table); or - for a stream of lines, answered at once."""
    top: int = 3
    """How many answers to give for each text."""
    reject: float = 0.0
    """Answer "rejected" where the best probability is below this."""
    reject_unknown: float = 1.0
    """Answer "rejected" where the share of unknown words is above this."""
    text: str = ""
    """Column of the texts in tables."""
    encoding: str = ""
    """Encoding of files and stream; UTF-8 when left out."""


parse = parser(
    PredictOptions,
    "The most probable classes of texts. With --json a stream is answered by one object a line.",
)


def run(app: App, options: PredictOptions) -> Outcome:
    """Answer all texts, or go on answering lines until the stream ends."""
    if options.top < 1:
        raise UserError(f"--top must be at least 1, not {options.top}")
    for name in ("reject", "reject_unknown"):
        if not 0 <= getattr(options, name) <= 1:
            raise UserError(f"--{name.replace('_', '-')} must lie between 0 and 1, not {getattr(options, name):g}")
    if not options.inputs:
        raise UserError("name the texts: in quotes, as files with a text a line, or - for standard input")
    stream = STREAM in options.inputs
    if stream and len(options.inputs) > 1:
        raise UserError("- answers standard input alone; leave the other texts out")
    texts = [] if stream else _texts(options)

    from cnn_core import runs
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose(options.common.device, options.common.threads))
    if stream:
        return _answer_stream(trained, options)
    answers = answer(trained, texts, options)
    rows = []
    for a in answers:
        best = [f"{t['label']} {t['probability']:.3f}" for t in a["top"]]
        rows.append([_short(a["text"]), a["answer"], *best, f"{a['unknown']:.0%}"])
    ranks = [f"#{i + 1}" for i in range(len(answers[0]["top"]))]
    return Outcome(
        {"run": str(options.run), "predictions": answers}, table(["text", "answer", *ranks, "unknown words"], rows)
    )


def answer(trained: Run, texts: list[str], options: PredictOptions) -> list[dict[str, Any]]:
    """One dict for each text: text, answer, rejected, top, tokens, unknown (share of the words)."""
    from apps.text.data import encode_texts
    from cnn_core.training import engine

    split = encode_texts(trained.fitted.vocabulary, texts)
    forward = trained.app.forward_of(trained.config)
    logits = engine.predict_logits(trained.model, split, precision=trained.config.fit.precision, forward=forward)
    probabilities = logits.double().softmax(1)
    best, order = probabilities.topk(min(options.top, len(trained.labels)))
    found = []
    for i, (text, p, classes) in enumerate(zip(texts, best.tolist(), order.tolist(), strict=True)):
        row = split.row(i)
        unknown = float((row == 1).float().mean()) if len(row) else 1.0
        rejected = p[0] < options.reject or unknown > options.reject_unknown
        top = [{"label": trained.labels[c], "probability": q} for c, q in zip(classes, p, strict=True)]
        label = "rejected" if rejected else top[0]["label"]
        found.append(
            {"text": text, "answer": label, "rejected": rejected, "top": top, "tokens": len(row), "unknown": unknown}
        )
    return found


def _texts(options: PredictOptions) -> list[str]:
    """The texts of all arguments: a file's lines or column, a folder's files, or the argument itself."""
    from apps.text.reading.tables import Columns, decode, read_bytes, read_plain

    found: list[str] = []
    for given in options.inputs:
        path = Path(given)
        try:
            kind = "file" if path.is_file() else "folder" if given and path.is_dir() else "text"
        except (OSError, ValueError):  # too long for a name, or with a NUL: a text
            kind = "text"
        if kind == "text":
            if FILE_NAME.fullmatch(given):
                raise UserError(f"{given}: no such file (a text that ends like a file name needs a blank after it)")
            found.append(given)
        elif kind == "file":
            found += [text for text in read_plain(path, Columns(text=options.text), options.encoding) if text.strip()]
        else:
            files = files_in(path, (".txt",))
            if not files:
                raise UserError(f"{given}: holds no texts (.txt)")
            found += [decode(read_bytes(file), str(file), options.encoding) for file in files]
    if not found:
        raise UserError(f"{', '.join(options.inputs)}: holds no texts")
    return found


def _answer_stream(trained: Run, options: PredictOptions) -> Outcome:
    """Answer lines as they come, those that came together in one batch; a bad line is answered by an error."""
    bad = number = 0
    for lines in _lines(sys.stdin.fileno()):
        texts: list[str] = []
        errors: dict[int, str] = {}
        for raw in lines:
            number += 1
            try:
                texts.append(raw.decode(options.encoding or "utf-8"))
            except (UnicodeDecodeError, LookupError) as error:
                errors[number] = f"line {number}: {error}"
                texts.append("")
        for at, found in enumerate(answer(trained, texts, options), start=number - len(lines) + 1):
            if at in errors:
                bad += 1
                found = {"line": at, "error": errors[at]}
            _say({"line": at, **found}, options.common.json)
        sys.stdout.flush()
    if bad:
        note(f"{bad} of {number} lines are not {options.encoding or 'UTF-8'} and were not answered; see --encoding")
    return Outcome(None, "", status=2 if bad else 0)


def _say(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        text = json_text(found)
    elif "error" in found:
        text = f"error\t\t{visible(found['error'])}"
    else:
        text = f"{visible(found['answer'])}\t{found['top'][0]['probability']:.3f}\t{visible(found['text'])}"
    print(text)  # noqa: T201 (a stream is answered at once)


def _lines(handle: int) -> Iterator[list[bytes]]:
    """The lines that have come, as soon as they come, without their ends."""
    rest = b""
    while piece := os.read(handle, 1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        if lines:
            yield [line.removesuffix(b"\r") for line in lines]
    if rest:
        yield [rest]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"

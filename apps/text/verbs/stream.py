"""Standard input answered line by line."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from apps.text.verbs.answers import AnswerOptions, answer, training_form, unanswered
from cnn_core.console import json_text, note, visible
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome

if TYPE_CHECKING:
    from cnn_core.exporting.session import ExportedRun
    from cnn_core.runs import Run


def answer_stream(trained: Run | ExportedRun, asked: AnswerOptions, encoding: str, as_json: bool) -> Outcome:
    """Answer lines as they come, those that came together in one batch; a bad line is answered by an error.

    Lines end at LF or CRLF. Raises UserError for an encoding in which these are other bytes, as in UTF-16.
    """
    encoding = _encoding(trained, encoding)
    bad = number = 0
    for lines in _lines(sys.stdin.fileno()):
        texts: list[str] = []
        errors: dict[int, str] = {}
        for raw in lines:
            number += 1
            try:
                texts.append((raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw).decode(encoding))
            except UnicodeDecodeError as error:
                byte = raw[error.start : error.start + 1].hex()
                errors[number] = f"line {number}: byte 0x{byte} is not valid {encoding}; see --encoding"
                texts.append("")
        for at, found in enumerate(answer(trained, texts, asked), start=number - len(lines) + 1):
            if at in errors:
                bad += 1
                found = {"error": errors[at]}
            elif not found["text"].strip():
                found = unanswered(found["text"])
            _say({"line": at, **found}, as_json)
        sys.stdout.flush()
    if bad:
        note(f"{bad} of {number} lines are not {encoding} and were not answered; see --encoding")
    return Outcome(None, "", status=2 if bad else 0)


def _encoding(trained: Run | ExportedRun, given: str) -> str:
    found = given or training_form(trained).encoding
    try:
        if "\n".encode(found or "utf-8") not in (b"\n", codecs.BOM_UTF8 + b"\n"):
            raise UserError(f"--encoding {found}: a stream is cut into lines at the byte 0a, which {found} has not")
    except LookupError:
        raise UserError(f"--encoding {found}: unknown encoding; try utf-8 or latin-1") from None
    if found and not given:
        note(f"standard input: read as {found}, as the training data were; see --encoding")
    return found or "UTF-8"


def _say(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        text = json_text(found, sys.stdout)
    elif "error" in found:
        text = f"error\t\t{visible(found['error'])}"
    elif found["answer"] is None:
        text = "\t\t"
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

"""lecture: the page of the lecture's questions as one file, or its networks trained again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import atomic
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser


@dataclass(frozen=True, kw_only=True)
class LectureOptions(Shared):
    """Options of lecture."""

    page: Path | None = None
    """Write the page of the lecture's questions to this .html file; it holds everything."""
    train: bool = False
    """Train its networks again and dream again, about two CPU-minutes, into --out."""
    out: Path | None = None
    """Folder for what --train makes; that of the suite's own files when left out."""


parse = parser(LectureOptions, "The page of the lecture's questions as one file, or its networks trained again.")


def run(app: Any, options: LectureOptions) -> Outcome:
    """Train, write, or both."""
    if not options.train and options.page is None:
        raise UserError("name --page FILE.html to write the page, or --train to train its networks again")
    if options.out and not options.train:
        raise UserError("--out is the folder for --train; the page goes to --page FILE.html")
    if options.page is not None and options.page.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--page {options.page}: the page is an .html file")

    from apps.playground.lecture import made

    text, data = [], {}
    if options.train:
        card = made.train(options.out or made.folder(), options.common.seed)
        data["networks"] = [{key: value for key, value in each.items() if key != "order"} for each in card["networks"]]
        rows = [[each["name"], f"{1 - each['accuracy']:.2%}", each["count"]] for each in card["networks"]]
        text.append(table(["network", "errors on test data", "test samples"], rows))
    if options.page is not None:
        from apps.playground import page
        from apps.playground.lecture.network import network

        with atomic(options.page) as part:
            part.write_text(page.single([network()]), encoding="utf-8")
        data["page"] = str(options.page)
        text.append(f"page: {options.page}")
    return Outcome(data, "\n".join(text))

"""predict: texts given as arguments, rows of files, or standard input line by line as a stream."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from apps.text.reading.form import Form
from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import files_in
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Answering, parser

if TYPE_CHECKING:
    from apps.text.reading.tables import Table
    from cnn_core.exporting.session import ExportedRun
    from cnn_core.runs import Run

STREAM = "-"
FILE_NAME = re.compile(r"\S+\.[A-Za-z]\w{0,4}")  # one word that ends like "notes.txt": hardly a text


@dataclass(frozen=True, kw_only=True)
class PredictOptions(Answering):
    """Options of predict."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    inputs: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Texts; files (a text a line, or the text column of a table); or - for a stream of lines, answered at once."""
    top: int = 3
    """How many answers to give for each text."""
    reject: str = "0"
    """Answer "rejected" where the best probability is below this: .7, say, or a share such as 5%, which is what so much
    of the samples held out in training falls below."""
    none: str = "0"
    """Answer "none of these" where a text is less like the training data than all but this share of held-out samples;
    0 never does."""
    reject_unknown: float = 1.0
    """Answer "rejected" where the share of unknown words is above this."""
    text: str = ""
    """Column of the texts in tables; that of the training data when left out."""
    encoding: str = ""
    """Encoding of files and stream; that of the training data when left out."""
    header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first row of a table names the columns; auto: as in the training data."""
    delimiter: str = ""
    """What separates columns: one character, or tab; that of the training data when left out."""
    quote: Literal["auto", "none", "double"] = "auto"
    """Whether cells may stand in double quotes; auto: as in the training data."""
    sheet: str = ""
    """Sheet of an Excel file; that of the training data, or the first that holds a table, when left out."""
    csv: Path | None = None
    """Write the rows of the file with the answers beside them to this CSV file."""

    def form(self) -> Form:
        """What the options say about files."""
        said = ("text", "encoding", "header", "delimiter", "quote", "sheet")
        return Form(**{name: getattr(self, name) for name in said}, prefix="")


@dataclass(frozen=True)
class Asked:
    """A text to answer, and where it stands."""

    text: str
    file: str | None
    """None for an argument."""
    row: int
    """Row of the file, or argument, from 1."""


parse = parser(
    PredictOptions,
    "The most probable classes of texts. With --json a stream is answered by one object a line.",
)


def run(app: App, options: PredictOptions) -> Outcome:
    """Answer all texts, or line after line until the stream ends."""
    _check(options)
    stream = STREAM in options.inputs
    if stream and len(options.inputs) > 1:
        raise UserError("- answers standard input alone; leave the other texts out")
    if options.csv and (len(options.inputs) != 1 or not Path(options.inputs[0]).is_file()):
        raise UserError("--csv writes the rows of one file; name that file alone")
    if options.csv and options.csv.resolve() == Path(options.inputs[0]).resolve():
        raise UserError(f"--csv {options.csv}: is the file that is read; name another")
    for given in options.inputs:
        if FILE_NAME.fullmatch(given) and not Path(given).exists():
            raise UserError(f"{given}: no such file (a text that ends like a file name needs a blank after it)")

    from apps.text.verbs.answers import AnswerOptions, answer, training_form, unanswered
    from cnn_core.verbs.answers import opened

    trained = opened(app, options)
    asked_for = AnswerOptions(options.top, options.reject, options.none, options.reject_unknown)
    if stream:
        from apps.text.verbs.stream import answer_stream

        return answer_stream(trained, asked_for, options.encoding, options.common.json)
    asked, tables = _read(trained, options, training_form(trained))
    found = answer(trained, [each.text for each in asked], asked_for)
    answers = [
        {"file": each.file, "row": each.row} | (one if each.text.strip() else unanswered(each.text))
        for each, one in zip(asked, found, strict=True)
    ]
    data: dict[str, Any] = {"run": str(options.run), "predictions": answers}
    text = _listing(answers)
    if options.csv:
        from apps.text.verbs.answers_csv import write_answers

        write_answers(options.csv, tables[0], answers)
        data["csv"] = str(options.csv)
        text += f"\n\ncsv: {options.csv}"
    return Outcome(data, text)


def _check(options: PredictOptions) -> None:
    if options.top < 1:
        raise UserError(f"--top must be at least 1, not {options.top}")
    if not 0 <= options.reject_unknown <= 1:
        raise UserError(f"--reject-unknown must lie between 0 and 1, not {options.reject_unknown:g}")
    if not options.inputs:
        raise UserError("name the texts: in quotes, as files with a text a line, or - for standard input")


def _listing(answers: list[dict[str, Any]]) -> str:
    count = max(len(each["top"]) for each in answers)
    files = len({each["file"] for each in answers}) > 1
    rows = []
    for each in answers:
        best = [f"{top['label']} {top['probability']:.3f}" for top in each["top"]]
        best += [""] * (count - len(best))
        where = [each["file"] or ""] if files else []
        rows.append([*where, each["row"], _short(each["text"]), each["answer"] or "", *best, f"{each['unknown']:.0%}"])
    return table(
        [*(["file"] if files else []), "row", "text", "answer", *(f"#{i + 1}" for i in range(count)), "unknown words"],
        rows,
    )


def _read(trained: Run | ExportedRun, options: PredictOptions, remembered: Form) -> tuple[list[Asked], list[Table]]:
    """(texts of all arguments: a file's rows, a folder's files, or the argument itself; tables of the files)."""
    from dataclasses import replace

    from apps.text.reading.files import decode, plain_name, read_bytes
    from apps.text.reading.plain import read_plain
    from apps.text.reading.tables import KINDS

    found: list[Asked] = []
    tables: list[Table] = []
    form = options.form()
    for number, given in enumerate(options.inputs, start=1):
        path = Path(given)
        try:
            kind = "file" if path.is_file() else "folder" if given and path.is_dir() else "text"
        except (OSError, ValueError):  # too long for a name, or with a NUL: a text
            kind = "text"
        if kind == "text":
            found.append(Asked(given, None, number))
        elif kind == "file":
            # A text file that training read as a table, for an option gave its delimiter, is one here as well.
            table = Path(plain_name(path)).suffix.lower() in KINDS
            delimiter = form.delimiter or ("" if table else trained.config.texts.delimiter)
            read = read_plain(path, replace(form, delimiter=delimiter), remembered, trained.fitted.labels)
            for line in read.notes:
                note(line)
            if not any(text.strip() for text in read.texts):
                raise UserError(f"{given}: holds no texts")
            found += [Asked(text, given, row) for row, text in enumerate(read.texts, start=1)]
            tables.append(read.table)
        else:
            files = files_in(path, (".txt",))
            if not files:
                raise UserError(f"{given}: holds no texts (.txt)")
            as_trained = replace(form, encoding=form.encoding or remembered.encoding)
            found += [Asked(decode(read_bytes(file), str(file), as_trained), str(file), 1) for file in files]
    return found, tables


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"

"""How texts stand in a file: columns, encoding, header, delimiter, quoting; what a run remembers of its training data.

No torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from cnn_core.errors import UserError

MARKS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|"}


@dataclass(frozen=True)
class FormOptions:
    """What can be said about the form of a file; "" and auto are guessed."""

    text: str = ""
    """Column of the texts, its name or its number from 1; guessed, with a note, when left out."""
    label: str = ""
    """Column of the labels; guessed, with a note, when left out."""
    encoding: str = ""
    """Encoding of the files, such as latin-1; UTF-8 (or what a byte order mark says) when left out."""
    header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first row of a table names the columns; auto guesses, with a note where it is not plain."""
    delimiter: str = ""
    """What separates columns: one character, or tab; guessed when left out. Any file is then a table."""
    quote: Literal["auto", "none", "double"] = "auto"
    """double: cells may stand in double quotes (RFC 4180); none: quotation marks are part of the texts."""
    sheet: str = ""
    """Sheet of an Excel file; the first that holds a table when left out."""
    label_separator: Literal["auto", "none"] = "auto"
    """auto refuses labels such as a,b beside a and b, for a text has one class; none: the comma is part of a name."""
    labels: Literal["one", "several"] = "one"
    """several: a text may have several labels, or none: a list, parts with , ; or | between, several __label__, or
    columns of 0 and 1, named with commas in the option of the label."""


NOTHING = FormOptions()
"""Nothing said."""


@dataclass(frozen=True)
class Form(FormOptions):
    """The form of a file, as the options say it; in a Texts, as it was found."""

    prefix: str = "texts."
    """What stands before the names of the options in messages: --texts.encoding in train, --encoding in predict."""

    def option(self, name: str) -> str:
        """An option as the user writes it."""
        return f"--{self.prefix}{name.replace('_', '-')}"

    def separator(self) -> str:
        """The delimiter as one character; "" to guess. Raises UserError for anything else."""
        given = MARKS.get(self.delimiter, self.delimiter)
        if len(given) > 1 or given in ('"', "\n", "\r"):
            raise UserError(f"{self.option('delimiter')} {self.delimiter}: must be one character, or tab")
        return given

    def to_json(self) -> dict[str, str]:
        """JSON data."""
        return {name: value for name, value in asdict(self).items() if name != "prefix"}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Form:
        """What `to_json` gave. Raises TypeError for other data."""
        if not all(isinstance(value, str) for value in data.values()):
            raise TypeError("its file form is not made of strings")
        return cls(**{field.name: data[field.name] for field in fields(cls) if field.name in data})


AUTO = Form()
"""Nothing said: all is guessed."""

"""How texts stand in a file: columns, encoding, header, delimiter, quoting; what a run remembers of its training data.

No torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from cnn_core.errors import UserError

MARKS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|"}


@dataclass(frozen=True)
class Form:
    """What an option says about a file, "" or auto for what is guessed; in a Texts, what was found."""

    text: str = ""
    """Name of the column of texts, or its number from 1."""
    label: str = ""
    """The same for the labels."""
    encoding: str = ""
    """Encoding; UTF-8, or what a byte order mark says, for ""."""
    header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first row of a table names the columns."""
    delimiter: str = ""
    """What separates the columns of a CSV or TSV file: one character, or tab."""
    quote: Literal["auto", "none", "double"] = "auto"
    """double: cells may stand in double quotes (RFC 4180); none: quotation marks belong to the texts."""
    label_separator: Literal["auto", "none"] = "auto"
    """none: a comma or the like in a label is part of its name, and does not separate several labels."""
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
            raise TypeError("its file form is no text")
        return cls(**{field.name: data[field.name] for field in fields(cls) if field.name in data})


AUTO = Form()
"""Nothing said: all is guessed."""

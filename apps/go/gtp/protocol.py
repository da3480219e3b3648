"""Lines of the Go Text Protocol, version 2 (Farnebäck 2002): what a command says, and how an answer is written."""

import re
from dataclasses import dataclass


class Refused(Exception):
    """A command that cannot be done; its text is the error message that the protocol wants."""


SYNTAX = "syntax error"


@dataclass(frozen=True)
class Command:
    """One command: `number` is its id as it was sent, or ""."""

    number: str
    name: str
    arguments: tuple[str, ...]


def parse(line: str) -> Command | None:
    """The command of a line, or None where the line holds none.

    As section 2.1 says: control characters are dropped but for tabs, which are spaces; # begins a comment.
    """
    text = "".join(c for c in line.replace("\t", " ") if not (ord(c) < 32 or ord(c) == 127))
    words = text.partition("#")[0].split()
    if not words:
        return None
    number = words.pop(0) if re.fullmatch("[0-9]+", words[0]) else ""
    return Command(number, words[0] if words else "", tuple(words[1:]))


def answer(command: Command, text: str, good: bool = True) -> str:
    """A whole answer, with the empty line that ends it. Empty lines and odd characters inside are removed.

    A text that begins with a line break begins on a line of its own, below the equals sign.
    """
    lines = (re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", line).rstrip() for line in text.replace("\t", " ").split("\n"))
    body = "\n".join(line for line in lines if line)
    gap = "" if not body else "\n" if text.startswith("\n") else " "
    return f"{'=' if good else '?'}{command.number}{gap}{body}\n\n"


def whole(text: str, least: int, most: int) -> int:
    """A whole number of the protocol, at most 31 bits. Raises Refused for anything else."""
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or not least <= int(text) <= most:
        raise Refused(SYNTAX)
    return int(text)


def number(text: str) -> float:
    """A number with or without a fraction; no infinity. Raises Refused for anything else."""
    if not re.fullmatch(r"[+-]?([0-9]{1,9}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?", text):
        raise Refused(SYNTAX)
    return float(text)


def truth(text: str) -> bool:
    """true or false. Raises Refused for anything else."""
    if text.lower() not in ("true", "false"):
        raise Refused(SYNTAX)
    return text.lower() == "true"

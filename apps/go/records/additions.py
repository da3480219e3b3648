"""What is added to a record: comments, labels and marks as insertions into its bytes; everything else stays as it is.

SGF FF[4], "Node annotation properties" (C) and "Markup properties" (LB, CR, TR, MA, SQ, SL).
"""

from collections.abc import Iterable

from sgfmill import sgf_grammar

from apps.go.records import properties
from apps.go.records.grammar import BadGame, Tree
from apps.go.records.record import Record
from apps.go.rules.points import to_sgf

MARKS = (b"CR", b"TR", b"MA", b"SQ", b"SL")


class Additions:
    """Additions to the main line of one record. Texts are ASCII, which is the same in every charset of a record."""

    def __init__(self, record: Record):
        self.tree: Tree = record.tree
        self.size = record.size
        self._comments: dict[int, list[bytes]] = {}
        self._values: dict[int, dict[bytes, list[bytes]]] = {}

    def comment(self, node: int, line: str) -> None:
        """Add a line to the node's comment."""
        self._comments.setdefault(node, []).append(sgf_grammar.escape_text(line.encode("ascii")))

    def label(self, node: int, point: int, text: str) -> None:
        """Label a point, unless the record has labelled it."""
        if point not in self._points(node, b"LB"):
            value = sgf_grammar.compose(
                to_sgf(point, self.size).encode(), sgf_grammar.escape_text(text.encode("ascii"))
            )
            self._add(node, b"LB", value)

    def mark(self, node: int, name: str, point: int) -> None:
        """Mark a point with CR, TR or MA, unless the record has marked it."""
        if not any(point in self._points(node, other) for other in MARKS):
            self._add(node, name.encode(), to_sgf(point, self.size).encode())

    def value(self, node: int, name: str, text: str, among: Iterable[str] = ()) -> None:
        """Give the node a property of one value, unless the record gives it that one, or one of `among`."""
        if not any(other.encode() in self.tree.nodes[node] for other in (name, *among)):
            self._values.setdefault(node, {})[name.encode()] = [sgf_grammar.escape_text(text.encode("ascii"))]

    def _add(self, node: int, name: bytes, value: bytes) -> None:
        self._values.setdefault(node, {}).setdefault(name, []).append(value)

    def _points(self, node: int, name: bytes) -> set[int]:
        """Points that the record marks or labels; values that are none are passed over."""
        found: set[int] = set()
        for value in self.tree.values(self.tree.nodes[node], name):
            place = value.partition(b":")[0] if name == b"LB" else value
            try:
                found.update(properties.rectangle(place, self.size))
            except BadGame:
                continue
        return found

    def insertions(self) -> list[tuple[int, bytes]]:
        """(offset in the file's data, what to insert there), in order."""
        found: list[tuple[int, bytes]] = []
        for node in sorted(self._comments.keys() | self._values.keys()):
            offsets, new = self.tree.nodes[node], b""
            for name, values in self._values.get(node, {}).items():
                if name not in offsets:
                    new += name + b"".join(b"[%s]" % value for value in values)
                    continue
                start, end = self.tree.spans(offsets, name)[-1]
                empty = not self.tree.text[start:end].strip()  # an empty list
                found.append((end, b"][".join(values)) if empty else (end + 1, b"".join(b"[%s]" % v for v in values)))
            lines = b"\n".join(self._comments.get(node, []))
            if lines and b"C" in offsets:
                start, end = self.tree.spans(offsets, b"C")[0]
                old = self.tree.text[start:end]
                found.append((end, lines if not old.strip() or old.endswith(b"\n") else b"\n" + lines))
            elif lines:
                new += b"C[%s]" % lines
            if new:
                found.append((self.tree.ends[node], new))
        return sorted(found, key=lambda insertion: insertion[0])


def insert(records: Iterable[Additions]) -> bytes:
    """The file with all additions to its games, in its own charset; every other byte is as it was."""
    parts: list[bytes] = []
    position, source = 0, None
    for additions in records:
        source = additions.tree.source
        for offset, text in additions.insertions():
            parts += [source.data[position:offset], text]
            position = offset
    if source is None:
        return b""
    return source.encode(b"".join([*parts, source.data[position:]]))

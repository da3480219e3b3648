"""The grammar of SGF: the games of a file, and the nodes of each one's main line with their places in the file.

SGF FF[4], "Basics and EBNF definition", and what programs write instead: a root or variation without its semicolon,
empty variations, an end that is not closed, long names of FF[1] to FF[3] (lower-case letters do not count), text
around the games. Values are not interpreted here, and variations are passed over: nothing but the main line is used.
Places let `annotate` add to a record without touching the rest of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from apps.go.records import charset
from apps.go.records.charset import Source
from cnn_core.errors import UserError

try:
    from sgfmill import sgf_grammar
except ImportError:
    raise UserError("SGF files need sgfmill; install it with: pip install 'cnn-suite[go]'") from None

MOST_NODES = 20_000
"""Nodes of a main line."""
MOST_DEPTH = 2000
"""Variations within variations."""
MOST_REPEATS = 1000
"""Of one property in a node; FF[4] allows none."""
LOWER = bytes(range(97, 123))
PAST_END = b" \t\r\n\f\v\x00\x1a"  # CP/M and old DOS programs fill their last block with 00 or 1A
# Quantifiers with + never go back, so that no input takes more than linear time.
VALUE = rb"\[[^\\\]]*+(?:\\.[^\\\]]*+)*+\]"
_VALUE = re.compile(VALUE, re.DOTALL)
_TOKEN = re.compile(rb"\s*+(?:(;)?\s*+([A-Za-z]++)\s*+(" + VALUE + rb"(?:\s*+" + VALUE + rb")*+)|([;()]))", re.DOTALL)
_PARENTHESIS = re.compile(rb"(?:[^()\[]*+" + VALUE + rb")*+[^()\[]*+([()])", re.DOTALL)
_ROOT = re.compile(rb"\(\s*+;")
_BARE_ROOT = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?=\(\s*+[A-Z][A-Za-z]*+\s*+\[)")
_FAULT = re.compile(rb"\s*+([A-Za-z]*+)\s*+(\[?)([^\s\[\]();]{0,20})")
# The first CA of this game: not one that comes after the next root.
_CHARSET = re.compile(rb"(?<![A-Za-z])CA\s*\[([^\\\]]{1,40})\]|\)\s*\(\s*;")
CHARSET_WITHIN = 4096
"""Bytes from the start of a game in which CA is looked for before tokens are cut."""

Node = dict[bytes, tuple[int, ...]]
"""Name of a property -> offsets of its values: from the first bracket to after the last one. A property that stands
more than once in a node has two offsets for each time."""


class BadGame(ValueError):
    """The reason why a record cannot be used, in one line."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One game of a file. `source.data` and `text` have the same offsets."""

    source: Source
    text: bytes
    """The data to cut tokens from (see `apps.go.records.charset`)."""
    charset: str
    """Codec of its texts; "" where the record names none."""
    nodes: list[Node]
    """The main line: of variations always the first one that has nodes."""
    ends: list[int]
    """For each node the offset after its last property."""

    def spans(self, node: Node, name: bytes) -> list[tuple[int, int]]:
        """Offsets of each value of a property, without its brackets; none where the node lacks the property."""
        found = node.get(name, ())
        pairs = zip(found[::2], found[1::2], strict=True)
        return [(m.start() + 1, m.end() - 1) for a, b in pairs for m in _VALUE.finditer(self.text, a, b)]

    def values(self, node: Node, name: bytes) -> list[bytes]:
        """The values of a property as they are in the file."""
        return [self.source.data[a:b] for a, b in self.spans(node, name)]

    def root_text(self, name: bytes) -> str:
        """The first value of a property of the root as one line of text; "" where there is none."""
        values = self.values(self.nodes[0], name) if name in self.nodes[0] else []
        if not values:
            return ""
        # Decoded first: sgfmill's function looks for backslashes byte by byte.
        text = charset.decode(values[0], self.charset).encode("utf-8", "surrogatepass")
        return sgf_grammar.simpletext_value(text).decode("utf-8", "replace").strip()


def read_trees(source: Source) -> Iterator[Tree | BadGame]:
    """Every game of a file, or the reason why its text cannot be taken apart. Text around the games is passed over."""
    masks = {"": source.data}
    position = 0
    while (start := _start(source.data, position)) >= 0:
        # CA has to be known before tokens are cut, and is one of them: it is guessed, and then checked.
        guess = "" if source.charset else _guess(source.data, start)
        tree, position = _tree(source, masks, guess, start)
        if isinstance(tree, Tree) and _masked(tree.charset) != guess:
            tree, position = _tree(source, masks, _masked(tree.charset), start)
        yield tree


def _tree(source: Source, masks: dict[str, bytes], name: str, start: int) -> tuple[Tree | BadGame, int]:
    """The game at `start`, its characters masked as those of a charset, and the offset after it."""
    if name not in masks:
        masks[name] = charset.mask(source.data, name)
    text = masks[name]
    nodes, ends, position, depth, fault = _main_line(text, start)
    end = _end(text, position, depth)
    if fault:
        return BadGame(fault), end
    tree = Tree(source, text, "utf-8" if source.charset else "", nodes, ends)
    if b"CA" in nodes[0] and not source.charset:
        named = tree.root_text(b"CA")
        tree = replace(tree, charset=charset.codec(named) if named else "")
    return tree, end


def _masked(name: str) -> str:
    """The charset, where its characters have to be masked, else ""."""
    return name if name in charset.MASKS else ""


def _start(data: bytes, position: int) -> int:
    """Offset of the next game, or -1. A root without semicolon counts only where no other text comes before it."""
    bare = _BARE_ROOT.match(data, position)
    if bare:
        return bare.end()
    found = _ROOT.search(data, position)
    if not found:
        return -1
    before = data[position : found.start()].rstrip(b"( \t\r\n\f\v")  # parentheses around a whole game
    return data.index(b"(", position + len(before))


def _guess(data: bytes, start: int) -> str:
    """The codec that CA seems to name, where its characters have to be masked, else ""."""
    found = _CHARSET.search(data, start, start + CHARSET_WITHIN)
    return _masked(charset.codec(found[1].decode("latin-1"))) if found and found[1] else ""


def _main_line(text: bytes, start: int) -> tuple[list[Node], list[int], int, int, str]:
    """Nodes and their ends; then offset and depth where the main line ends, and what is wrong there or ""."""
    nodes: list[Node] = []
    ends: list[int] = []
    counts: list[int] = []  # nodes before each open parenthesis
    position, opened = start, True  # opened: a property here begins a node
    node: Node = {}
    match = _TOKEN.match
    while True:
        token = match(text, position)
        if token is None:
            fault = _fault(text, position, len(nodes))
            return nodes, ends, position, len(counts), fault
        position = token.end()
        semicolon, name, delimiter = token.group(1, 2, 4)
        if name:
            if semicolon or opened:
                node = {}
                nodes.append(node)
                ends.append(0)
                opened = False
            if not name.isupper():
                name = name.translate(None, LOWER)
            span = token.span(3)
            earlier = node.get(name, ())
            if len(earlier) > 2 * MOST_REPEATS:
                return nodes, ends, position, len(counts), f"{name.decode('latin-1')[:20]} comes again too often"
            node[name] = earlier + span
            ends[-1] = position
        elif delimiter == b";":
            node = {}
            nodes.append(node)
            ends.append(position)
            opened = False
        elif delimiter == b"(":
            counts.append(len(nodes))
            opened = True
            if len(counts) > MOST_DEPTH:
                return nodes, ends, position, len(counts), f"more than {MOST_DEPTH} variations within variations"
        elif counts.pop() < len(nodes) or not counts:
            return nodes, ends, position, len(counts), ""
        else:  # an empty variation
            opened = True
        if len(nodes) > MOST_NODES:
            return nodes, ends, position, len(counts), f"more than {MOST_NODES} nodes"


def _fault(text: bytes, position: int, node: int) -> str:
    """Why no token can be cut at `position`; "" at the end of the file, which need not be closed."""
    found = _FAULT.match(text, position)
    assert found is not None  # all of it may be empty
    name, bracket, word = (part.decode("latin-1") for part in found.groups())
    place = f" (node {node})"
    if bracket and not _VALUE.match(text, found.start(2)):
        return f"unexpected end of the file in a value{place}"
    if bracket:
        return f"unexpected value without a property{place}"
    if name:
        return f"property with no values: {name[:20]}{place}"
    if not text[position : position + 1000].strip(PAST_END) and not text[position:].strip(PAST_END):
        return ""
    return f"unexpected text {(word or ']')!r}{place}"


def _end(text: bytes, position: int, depth: int) -> int:
    """Offset after the game whose main line ends at `position`, within so many parentheses."""
    while depth:
        found = _PARENTHESIS.match(text, position)
        if not found:
            return len(text)
        position = found.end()
        depth += 1 if found[1] == b"(" else -1
    return position

"""Changes that break files in the ways in which files break: cuts, flipped bits, swapped pieces, huge numbers."""

from __future__ import annotations

import random
import struct

NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]
WORDS = [
    b"NaN",
    b"-1",
    b"1e999",
    b"\x1b[31m",
    b"\0",
    b"../../x",
    b"[" * 70,
    b'"',
    b"\xff\xfe",
    b"9" * 40,
    b"\n\n",
    b"{}",
]


def mutated(raw: bytes, random_: random.Random, other: bytes = b"") -> bytes:
    """`raw` after one to four changes; pieces of `other` may come in."""
    data = bytearray(raw)
    for _ in range(random_.choice([1, 1, 2, 4])):
        random_.choice(CHANGES)(data, random_, other)
    return bytes(data)


def _place(data: bytearray, random_: random.Random) -> int:
    """More often near the beginning, where the headers are."""
    reach = len(data) if random_.random() < 0.4 else min(len(data), 200)
    return random_.randrange(max(reach, 1))


def _cut(data: bytearray, random_: random.Random, other: bytes) -> None:
    del data[_place(data, random_) :]


def _flip(data: bytearray, random_: random.Random, other: bytes) -> None:
    if data:
        data[_place(data, random_)] ^= 1 << random_.randrange(8)


def _byte(data: bytearray, random_: random.Random, other: bytes) -> None:
    if data:
        data[_place(data, random_)] = random_.choice([0, 255, random_.randrange(256)])


def _number(data: bytearray, random_: random.Random, other: bytes) -> None:
    at, size = _place(data, random_), random_.choice("HIQ")
    value = random_.choice(NUMBERS) & (2 ** (8 * struct.calcsize(size)) - 1)
    packed = struct.pack(random_.choice("<>") + size, value)
    data[at : at + len(packed)] = packed


def _remove(data: bytearray, random_: random.Random, other: bytes) -> None:
    at = _place(data, random_)
    del data[at : at + random_.choice([1, 2, 8, 64])]


def _repeat(data: bytearray, random_: random.Random, other: bytes) -> None:
    at = _place(data, random_)
    data[at:at] = data[at : at + random_.choice([1, 4, 32, 256])] * random_.choice([1, 2, 50])


def _word(data: bytearray, random_: random.Random, other: bytes) -> None:
    at = _place(data, random_)
    data[at:at] = random_.choice(WORDS)


def _piece(data: bytearray, random_: random.Random, other: bytes) -> None:
    at, start = _place(data, random_), random_.randrange(max(len(other), 1))
    data[at : at + 32] = other[start : start + random_.choice([8, 32, 400])]


CHANGES = [_cut, _flip, _flip, _byte, _byte, _number, _number, _remove, _repeat, _word, _piece]

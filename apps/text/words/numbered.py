"""Tokenized texts as numbers: a token is kept once, however many texts it stands in.

    tokens = Numbering()
    train = tokens.rows(map(tokenize, texts))   # NumberedTexts
    train[0]                                    # ["a", "good", "film"]
    train.counts()                              # Counter, in the order in which the tokens came first

A list of strings takes some 60 bytes a token, this takes four. Letters: N texts, T tokens.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np


class Numbering:
    """The tokens met so far by number, shared by all rows that it makes."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self._words: list[str] = []

    @property
    def words(self) -> list[str]:
        """The tokens by number."""
        if len(self._words) != len(self.numbers):
            self._words = list(self.numbers)
        return self._words

    def rows(self, texts: Iterable[Sequence[str]]) -> NumberedTexts:
        """Tokenized texts, each of which is let go once it is numbered."""
        numbers, flat, ends = self.numbers, array("i"), array("q", [0])
        for tokens in texts:
            flat.extend([numbers.setdefault(token, len(numbers)) for token in tokens])
            ends.append(len(flat))
        return NumberedTexts(self, np.frombuffer(flat, np.int32), np.frombuffer(ends, np.int64))


@dataclass(frozen=True, eq=False)
class NumberedTexts(Sequence[list[str]]):
    """N tokenized texts: as a sequence, the tokens of each."""

    numbering: Numbering
    flat: np.ndarray
    """(T,) int32: the numbers of all tokens."""
    ends: np.ndarray
    """(N + 1,) int64: where the texts begin and end in `flat`."""

    def __len__(self) -> int:
        return len(self.ends) - 1

    @overload
    def __getitem__(self, index: int) -> list[str]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[str]]: ...
    def __getitem__(self, index: int | slice) -> list[str] | list[list[str]]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"text {index} of {len(self)}")
        return [self.numbering.words[each] for each in self.flat[self.ends[number] : self.ends[number + 1]].tolist()]

    @property
    def lengths(self) -> np.ndarray:
        """(N,) int64: tokens of each text."""
        return np.diff(self.ends)

    def counts(self) -> Counter[str]:
        """How often each token occurs, in the order in which they came first."""
        found = np.bincount(self.flat, minlength=len(self.numbering.numbers)).tolist()
        return Counter({word: count for word, count in zip(self.numbering.words, found, strict=True) if count})

    def encoded(self, number_of: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """Where texts begin and how long they are (N, 2) int64, and their tokens (T,) int32 by other numbers.

        `number_of` gives the other number of each token, in the order of this numbering.
        """
        table = np.fromiter(number_of, np.int32, len(self.numbering.numbers))
        return np.stack([self.ends[:-1], self.lengths], axis=1), table[self.flat]

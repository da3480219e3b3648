"""Vocabulary: words and their numbers, and how texts are cut into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from apps.text.reading.tokenizers import tokenizer

if TYPE_CHECKING:
    import numpy as np

PAD, UNKNOWN = "<pad>", "<unk>"  # their numbers are 0 and 1


@dataclass(frozen=True)
class Vocabulary:
    """The words by number: 0 is the pad, 1 any unknown word, then what the training texts had.

    `unseen` words at the end come from a file of word vectors: they have a vector, but no training text had them.
    """

    words: tuple[str, ...]
    tokenizer: str
    unseen: int = 0
    longest: int = 0
    """Tokens after which a text is cut; 0 never."""

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Word -> number."""
        return {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def cut(self, text: str) -> list[str]:
        """The tokens of a text."""
        tokens = tokenizer(self.tokenizer)(text)
        return tokens[: self.longest] if self.longest else tokens

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """Numbers (T,) int32 of the tokens; those of the pad and of unknown words are 1."""
        import numpy as np  # not needed for --help

        found = self.numbers.get
        return np.fromiter((found(token, 1) or 1 for token in tokens), np.int32)

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The words of a row of numbers, without the pads."""
        return [self.words[number] for number in numbers if number]


def make_vocabulary(
    texts: Iterable[list[str]],
    name: str,
    *,
    most: int = 0,
    least_count: int = 1,
    longest: int = 0,
    unseen: Iterable[str] = (),
) -> Vocabulary:
    """The vocabulary of tokenized training texts; `unseen` words follow where they are new."""
    from apps.text.reading.torchtext_06 import in_order

    counts = Counter(token for tokens in texts for token in tokens)
    for special in (PAD, UNKNOWN):
        counts.pop(special, None)
    words = in_order(counts, (PAD, UNKNOWN), most, least_count)
    known = set(words)
    extra = [word for word in dict.fromkeys(unseen) if word not in known and word and not any(map(str.isspace, word))]
    return Vocabulary((*words, *extra), name, len(extra), longest)

"""What the training texts decide: the words and their numbers, how texts become words, the classes; no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from apps.text.reading.form import AUTO, Form
from apps.text.reading.tokenizers import tokenizer
from cnn_core.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from apps.text.config import TextConfig

PAD, UNKNOWN = "<pad>", "<unk>"  # their numbers are 0 and 1
NOMINAL_WORDS, NOMINAL_WIDTH = 20_000, 50


@dataclass(frozen=True)
class Vocabulary:
    """The words by number: 0 is the pad, 1 any unknown word, then those of the training texts.

    The last `unseen` words come from a file of word vectors: they have a vector, but occur in no training text.
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

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text."""
        tokens = tokenizer(self.tokenizer)(text)
        return tokens[: self.longest] if self.longest else tokens

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """Numbers (T,) int32 of the tokens; those of the pad and of unknown words are 1."""
        import numpy as np  # not needed for --help

        number = self.numbers.get
        return np.fromiter((number(token, 1) or 1 for token in tokens), np.int32)

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
    """The vocabulary of tokenized training texts; `unseen` words follow, without those seen."""
    from apps.text.reading.torchtext_06 import in_order

    counts = Counter(token for tokens in texts for token in tokens)
    for special in (PAD, UNKNOWN):
        counts.pop(special, None)
    words = in_order(counts, (PAD, UNKNOWN), most, least_count)
    seen = set(words)
    extra = [word for word in dict.fromkeys(unseen) if word not in seen and word and not any(map(str.isspace, word))]
    return Vocabulary((*words, *extra), name, len(extra), longest)


@dataclass(frozen=True)
class FittedText:
    """What the training texts decide, saved with a run: their name, classes and vocabulary, and D of given vectors."""

    data: str
    labels: tuple[str, ...]
    vocabulary: Vocabulary
    vector_width: int
    """Dimensions of the given word vectors; 0 without."""
    digest: str = ""
    """sha256 of the data's texts and labels; "" where an earlier version did not note it."""
    form: Form = AUTO
    """How the files were read."""

    def to_json(self) -> dict[str, Any]:
        """JSON data; no word holds white space, so all of them fit one string."""
        words = self.vocabulary
        return {
            "data": self.data,
            "labels": list(self.labels),
            "words": " ".join(words.words),
            "tokenizer": words.tokenizer,
            "unseen": words.unseen,
            "longest": words.longest,
            "given": self.vector_width,
            "digest": self.digest,
            "form": self.form.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FittedText:
        """What `to_json` gave. Raises UserError when it is damaged."""
        try:
            words = tuple(data["words"].split(" "))
            if words[:2] != (PAD, UNKNOWN):
                raise ValueError("it does not begin with the pad and the unknown word")
            if len(set(words)) != len(words):
                raise ValueError("a word occurs in it twice")
            vocabulary = Vocabulary(words, data["tokenizer"], int(data["unseen"]), int(data["longest"]))
            digest, form = str(data.get("digest", "")), Form.from_json(data.get("form", {}))
            return cls(data["data"], tuple(data["labels"]), vocabulary, int(data["given"]), digest, form)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"the vocabulary saved with the run is damaged ({error}); train again") from error


def nominal(config: TextConfig) -> FittedText:
    """20,000 words and, where vectors are given, 50 dimensions: the size of a network before any data are read."""
    words = tuple(f"word{number}" for number in range(NOMINAL_WORDS - 2))
    vocabulary = Vocabulary((PAD, UNKNOWN, *words), config.texts.tokenizer, 0, config.texts.longest)
    return FittedText(config.data, ("0", "1"), vocabulary, NOMINAL_WIDTH if config.vectors.source else 0)

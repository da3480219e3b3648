"""FittedText: what the training texts decide, kept with a run; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apps.text.words.vocabulary import PAD, UNKNOWN, Vocabulary
from cnn_core.errors import UserError

if TYPE_CHECKING:
    from apps.text.config import TextConfig

NOMINAL_WORDS, NOMINAL_WIDTH = 20_000, 50


@dataclass(frozen=True)
class FittedText:
    """The data of the training, its classes, its vocabulary, and the width of the given word vectors (0: none)."""

    data: str
    labels: tuple[str, ...]
    vocabulary: Vocabulary
    vector_width: int

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
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FittedText:
        """What `to_json` gave. Raises UserError when it is damaged."""
        try:
            words = tuple(data["words"].split(" "))
            if words[:2] != (PAD, UNKNOWN):
                raise ValueError("it does not begin with the pad and the unknown word")
            if len(set(words)) != len(words):
                raise ValueError("a word stands in it twice")
            vocabulary = Vocabulary(words, data["tokenizer"], int(data["unseen"]), int(data["longest"]))
            return cls(data["data"], tuple(data["labels"]), vocabulary, int(data["given"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"the vocabulary that the run keeps is damaged ({error}); train again") from error


def nominal(config: TextConfig) -> FittedText:
    """A vocabulary of 20,000 words and, where vectors are given, 50 numbers for each: a network without data."""
    words = tuple(f"word{number}" for number in range(NOMINAL_WORDS - 2))
    vocabulary = Vocabulary((PAD, UNKNOWN, *words), config.texts.tokenizer, 0, config.texts.longest)
    return FittedText(config.data, ("0", "1"), vocabulary, NOMINAL_WIDTH if config.vectors.source else 0)

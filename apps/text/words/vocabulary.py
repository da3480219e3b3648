"""What the training texts decide: the words and their numbers, how texts become words, the classes; no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from apps.text.reading.form import AUTO, Form
from apps.text.reading.tokenizers import WORDPIECE, Tokenizer, tokenizer, wordpiece
from cnn_core.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from apps.text.config import TextConfig
    from apps.text.words.numbered import NumberedTexts

PAD, UNKNOWN = "<pad>", "<unk>"  # their numbers are 0 and 1
NOMINAL_WORDS, NOMINAL_WIDTH, MINILM_PIECES = 20_000, 50, 30_522
BEGIN, END = "[CLS]", "[SEP]"
BERT_PAD, BERT_UNKNOWN = "[PAD]", "[UNK]"
INSIDE = "##"  # begins a piece that continues a word


@dataclass(frozen=True)
class EncoderShape:
    """The shape of an encoder of the BERT family."""

    layers: int = 6
    heads: int = 12
    width: int = 384
    hidden: int = 1536
    """Width between the two layers of a block's dense part."""
    positions: int = 512

    def __post_init__(self) -> None:
        if min(self.layers, self.heads, self.width, self.hidden) < 1 or self.positions < 3 or self.width % self.heads:
            raise ValueError(f"{self.layers} layers of {self.heads} heads and {self.width} numbers do not fit")


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
        tokens = self._split(text)
        return tokens[: self.longest] if self.longest else tokens

    @cached_property
    def _split(self) -> Tokenizer:
        if self.tokenizer == WORDPIECE:
            return wordpiece({_bert_name(word): number for word, number in self.numbers.items()})
        return tokenizer(self.tokenizer)

    @property
    def word_tokenizer(self) -> str:
        """The tokenizer that cuts whole words, for linear models: pieces of words are made for an encoder."""
        return "kim" if self.tokenizer == WORDPIECE else self.tokenizer

    def words_of(self, text: str) -> list[str]:
        """The words of a text, for linear models."""
        return tokenizer(self.word_tokenizer)(text) if self.tokenizer == WORDPIECE else self.tokenize(text)

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """Numbers (T,) int32 of the tokens; those of the pad and of unknown words are 1."""
        import numpy as np  # not needed for --help

        number = self.numbers.get
        return np.fromiter((number(token, 1) or 1 for token in tokens), np.int32)

    def places(self, texts: NumberedTexts) -> tuple[np.ndarray, np.ndarray]:
        """Where texts begin and their lengths (N, 2) int64, and the numbers (T,) int32 of their tokens, as `encode`."""
        return texts.encoded(self.numbers.get(token, 1) or 1 for token in texts.numbering.numbers)

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The words of a row of numbers, without the pads."""
        return [self.words[number] for number in numbers if number]


def make_vocabulary(
    counts: Mapping[str, int],
    name: str,
    *,
    most: int = 0,
    least_count: int = 1,
    longest: int = 0,
    unseen: Iterable[str] = (),
) -> Vocabulary:
    """The vocabulary of training texts, of whose tokens `counts` says how often each occurs.

    `unseen` words follow, without those seen.
    """
    from apps.text.reading.torchtext_06 import in_order

    found = Counter({token: count for token, count in counts.items() if token not in (PAD, UNKNOWN)})
    words = in_order(found, (PAD, UNKNOWN), most, least_count)
    seen = set(words)
    extra = [word for word in dict.fromkeys(unseen) if word not in seen and word and not any(map(str.isspace, word))]
    return Vocabulary((*words, *extra), name, len(extra), longest)


def piece_vocabulary(pieces: Sequence[str], longest: int) -> Vocabulary:
    """The vocabulary of an encoder: its pieces in its order, but for the pad and the unknown piece, which come first.

    Raises ValueError where a special piece is missing, or a piece comes twice or holds white space.
    """
    missing = [piece for piece in (BERT_PAD, BERT_UNKNOWN, BEGIN, END) if piece not in pieces]
    if missing:
        raise ValueError(f"it lacks {missing[0]}")
    others = [piece for piece in pieces if piece not in (BERT_PAD, BERT_UNKNOWN)]
    if len(set(others)) + 2 != len(pieces) or any(not piece or piece.split() != [piece] for piece in others):
        raise ValueError("a piece comes twice, is empty or holds white space")
    return Vocabulary((PAD, UNKNOWN, *others), WORDPIECE, 0, longest)


def _bert_name(word: str) -> str:
    return {PAD: BERT_PAD, UNKNOWN: BERT_UNKNOWN}.get(word, word)


def whole_words(pieces: Sequence[str]) -> list[tuple[str, int, int]]:
    """(word, first, last + 1) of the words that pieces make up: "un", "##wise" is unwise; tokens of others stay."""
    found: list[tuple[str, int, int]] = []
    for number, piece in enumerate(pieces):
        if piece.startswith(INSIDE) and len(piece) > len(INSIDE) and found:
            word, first, _ = found[-1]
            found[-1] = (word + piece.removeprefix(INSIDE), first, number + 1)
        else:
            found.append((piece, number, number + 1))
    return found


def joined(pieces: Sequence[str]) -> str:
    """Tokens as one line of text, with pieces of words put together."""
    return " ".join(word for word, _, _ in whole_words(pieces))


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
    encoder: EncoderShape | None = None
    """Shape of the encoder that makes the word vectors, where one does."""

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
            **({"encoder": asdict(self.encoder)} if self.encoder else {}),
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
            encoder = EncoderShape(**data["encoder"]) if "encoder" in data else None
            return cls(data["data"], tuple(data["labels"]), vocabulary, int(data["given"]), digest, form, encoder)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"the vocabulary saved with the run is damaged ({error}); train again") from error


def nominal(config: TextConfig) -> FittedText:
    """20,000 words and, where vectors are given, 50 dimensions: the size of a network before any data are read.

    With an encoder, the size of MiniLM.
    """
    if config.texts.tokenizer == WORDPIECE:
        pieces = (PAD, UNKNOWN, BEGIN, END, *(f"piece{number}" for number in range(MINILM_PIECES - 4)))
        shape = EncoderShape()
        return FittedText(config.data, ("0", "1"), Vocabulary(pieces, WORDPIECE), shape.width, encoder=shape)
    words = tuple(f"word{number}" for number in range(NOMINAL_WORDS - 2))
    vocabulary = Vocabulary((PAD, UNKNOWN, *words), config.texts.cut, 0, config.texts.longest)
    return FittedText(config.data, ("0", "1"), vocabulary, NOMINAL_WIDTH if config.vectors.source else 0)

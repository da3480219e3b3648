"""Texts to tokens, four ways, each a function from one text to a list of strings without white space inside; and the
normal form by which two texts count as equal."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache

from cnn_core.errors import UserError
from cnn_core.optional import require

Tokenizer = Callable[[str], list[str]]
TOKENIZERS = ("english", "kim", "characters", "jieba")
"""Those that need no vocabulary; `wordpiece` cuts into the pieces that an encoder has vectors for."""
WORDPIECE = "wordpiece"
"""The tokenizer of texts whose vectors an encoder makes; its vocabulary comes with the encoder."""
SPACE = "␣"  # how the tokenizer `characters` writes a blank, so that no token is white space

_CONTRACTIONS = re.compile(r"('s|'ve|n't|'re|'d|'ll)")
_NOT_IN_KIM = re.compile(r"[^a-z0-9(),!?'`]")
_PUNCTUATION = re.compile(r"([,!()?])")


def normal_form(text: str) -> str:
    """The text with compatible characters (Unicode's NFKC), case and white space folded.

    Texts of one normal form count as equal: they stay on one side of a split, whatever the tokenizer makes of them.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@cache
def tokenizer(name: str) -> Tokenizer:
    """The tokenizer of that name.

    english: torchtext's basic_english (lower case, punctuation apart). kim: the cleaning of Kim (2014): letters, digits
    and ( ) , ! ? ' ` stay, contractions become tokens. characters: lower case, one token each, blanks as ␣.
    jieba: Chinese words. Raises UserError where the package that it needs is missing.
    """
    if name == "english":
        from apps.text.reading.torchtext_06 import basic_english

        return basic_english()
    if name == "kim":
        return kim
    if name == "characters":
        return characters
    if name == "jieba":
        return _jieba()
    raise UserError(f"no tokenizer is named {name!r}; the tokenizers are {', '.join(TOKENIZERS)}")


def kim(text: str) -> list[str]:
    """Kim's cleaning (2014), lower case: "It's bad!" -> it, 's, bad, !."""
    text = _NOT_IN_KIM.sub(" ", text.lower())
    text = _CONTRACTIONS.sub(r" \1", text)
    return _PUNCTUATION.sub(r" \1 ", text).split()


def characters(text: str) -> list[str]:
    """Each character of the text in lower case (NFC); runs of white space are one ␣."""
    text = " ".join(unicodedata.normalize("NFC", text).lower().split())
    return [SPACE if c.isspace() else c for c in text]


def wordpiece(numbers: Mapping[str, int]) -> Tokenizer:
    """BERT's tokenizer in lower case and without accents, for the pieces of `numbers`, [UNK] among them.

    Devlin et al. 2019; a piece that continues a word begins with ##. Raises UserError where the package is missing.
    """
    require("tokenizers", "cutting texts into word pieces")
    from tokenizers import Tokenizer as Pipeline
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    pipeline = Pipeline(WordPiece(dict(numbers), unk_token="[UNK]"))  # noqa: S106 (no password)
    pipeline.normalizer = BertNormalizer(lowercase=True)
    pipeline.pre_tokenizer = BertPreTokenizer()
    return lambda text: pipeline.encode(text, add_special_tokens=False).tokens


def _jieba() -> Tokenizer:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about jieba's source and pkg_resources
            import jieba
    except ImportError:
        raise UserError("the tokenizer jieba needs the package of that name: pip install jieba") from None
    jieba.setLogLevel(60)

    def words(text: str) -> list[str]:
        return [token for piece in jieba.cut(text.lower()) for token in piece.split()]

    return words

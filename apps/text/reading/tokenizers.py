"""Texts to tokens, four ways, each a function from one text to a list of strings without white space inside; and the
normal form by which two texts count as equal."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, partial

from cnn_core.errors import UserError
from cnn_core.optional import require

Tokenizer = Callable[[str], list[str]]
TOKENIZERS = ("english", "kim", "characters", "jieba")
"""Those that need no vocabulary; `wordpiece` cuts into the pieces that an encoder has vectors for."""
WORDPIECE = "wordpiece"
"""The tokenizer of texts whose vectors an encoder makes; its vocabulary comes with the encoder."""
SPACE = "␣"  # how the tokenizer `characters` writes a blank, so that no token is white space

_CONTRACTIONS = re.compile(r"('s|'ve|n't|'re|'d|'ll)")
_NOT_IN_KIM = re.compile(r"[^A-Za-z0-9(),!?'`]")
_PUNCTUATION = re.compile(r"([,!()?])")


def normal_form(text: str) -> str:
    """The text with compatible characters (Unicode's NFKC), case and white space folded.

    Texts of one normal form count as equal: they stay on one side of a split, whatever the tokenizer makes of them.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@cache
def tokenizer(name: str) -> Tokenizer:
    """The tokenizer of that name; "kim:case", say, leaves capitals as they are.

    english: torchtext's basic_english (lower case, punctuation apart). kim: the cleaning of Kim (2014): letters, digits
    and ( ) , ! ? ' ` stay, contractions become tokens. characters: lower case, one token each, blanks as ␣.
    jieba: Chinese words. Raises UserError where the package that it needs is missing.
    """
    base, _, case = name.partition(":")
    keep = case == "case"
    if base == "english":
        return partial(english, keep=True) if keep else english
    if base == "kim":
        return partial(kim, keep=True) if keep else kim
    if base == "characters":
        return partial(characters, keep=True) if keep else characters
    if base == "jieba":
        return _jieba(keep)
    raise UserError(f"no tokenizer is named {name!r}; the tokenizers are {', '.join(TOKENIZERS)}")


def english(text: str, keep: bool = False) -> list[str]:
    """What torchtext's basic_english makes of a text, in lower case unless `keep`; torchtext itself imports PyTorch."""
    text = (text if keep else text.lower()).replace("'", " '  ").replace('"', "").replace("<br />", " ")
    return re.sub(r"[;:]", " ", re.sub(r"([.,()!?])", r" \1 ", text)).split()


def kim(text: str, keep: bool = False) -> list[str]:
    """Kim's cleaning (2014), in lower case unless `keep`: "It's bad!" -> it, 's, bad, !."""
    text = _NOT_IN_KIM.sub(" ", text if keep else text.lower())
    text = _CONTRACTIONS.sub(r" \1", text)
    return _PUNCTUATION.sub(r" \1 ", text).split()


def characters(text: str, keep: bool = False) -> list[str]:
    """Each character of the text (NFC), in lower case unless `keep`; runs of white space are one ␣."""
    text = unicodedata.normalize("NFC", text)
    text = " ".join((text if keep else text.lower()).split())
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


def _jieba(keep: bool) -> Tokenizer:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about jieba's source and pkg_resources
            import jieba
    except ImportError:
        raise UserError("the tokenizer jieba needs the package of that name: pip install jieba") from None
    jieba.setLogLevel(60)

    def words(text: str) -> list[str]:
        return [token for piece in jieba.cut(text if keep else text.lower()) for token in piece.split()]

    return words

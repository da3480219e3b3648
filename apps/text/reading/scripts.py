"""Whether a tokenizer fits the script of the texts: Chinese, Japanese and Thai have no blanks between words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from apps.text.words.numbered import NumberedTexts
from cnn_core.errors import UserError

CHINESE_JAPANESE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
SOUTH_EAST_ASIAN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese, Khmer
LONGEST_WORDS = ((CHINESE_JAPANESE, 4.0), (SOUTH_EAST_ASIAN, 12.0))
"""Letters of a token beyond which the mean token of these scripts is a sentence rather than a word."""
SAMPLE = 2000


def check_tokens(where: str, texts: Sequence[str], tokens: NumberedTexts, name: str) -> tuple[str, ...]:
    """A line about texts in which the tokenizer `name` finds nothing, if there are any.

    Raises UserError where these are most of the texts, and where tokens are whole sentences of a script without blanks.
    """
    lengths = tokens.lengths.tolist()
    filled = [number for number, text in enumerate(texts) if text.strip()]
    lost = sum(not lengths[number] for number in filled)
    sample = [(texts[number], tokens[number]) for number in filled[:: max(1, len(filled) // SAMPLE)]]
    letters = max(1, sum(sum(map(str.isalpha, text)) for text, _ in sample))
    for script, longest in LONGEST_WORDS if name in ("english", "kim") else ():
        inside = sum(len(script.findall(text)) for text, _ in sample)
        sizes = [len(token) for _, row in sample for token in row if script.search(token)]
        sentences = bool(sizes) and sum(sizes) / len(sizes) > longest
        if 2 * inside > letters and (sentences or 2 * lost > len(filled)):
            raise UserError(
                f"{where}: its script has no blanks between words, which the tokenizer {name} needs;"
                " give --texts.tokenizer characters, or jieba for Chinese"
            )
    if lost and 2 * lost > len(filled):
        others = "english or characters" if name == "kim" else "characters"
        raise UserError(
            f"{where}: the tokenizer {name} finds no words in {lost} of {len(filled)} training texts;"
            f" give --texts.tokenizer {others}"
        )
    return (f"{where}: the tokenizer {name} finds no words in {lost} training texts",) if lost else ()

"""Recognize which level of folders names the words: word/speaker/x.wav or speaker/word/x.wav.

A level whose names do not recur across the other level is that of the speakers. Where every speaker says every word,
both levels recur, and only the names themselves can tell words from speakers. If they do not, the user must.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from apps.speech.corpora.fsdd import DIGITS
from apps.speech.corpora.speech_commands import WORDS

WORD_SPEAKER, SPEAKER_WORD = "word/speaker", "speaker/word"

# Typical words of a word list, and typical names of numbered speakers.
COMMON_WORDS = frozenset(
    (
        *DIGITS,
        *map(str, range(10)),
        *WORDS,
        *("forward", "backward", "start", "play", "pause", "help", "silence", "unknown", "noise"),
        *(
            "ja",
            "nein",
            "oui",
            "non",
            "si",
            "sí",
            "sim",
            "não",
            "da",
            "nie",
            "tak",
            "да",
            "нет",
            "hai",
            "iie",
            "是",
            "不",
        ),
    )
)
SPEAKER_NUMBER = re.compile(
    r"(?:speaker|spkr?|subject|subj|participant|person|user|talker|voice|actor|child|male|female|man|woman|id|s|p|f|m)"
    r"[-_ ]?\d+|\d{2,}|(?=.*\d)[0-9a-f]{6,}",
    re.IGNORECASE,
)


def recognize(pairs: Collection[tuple[str, str]]) -> str:
    """The layout of recordings in folders (outer, inner), or "" where the levels cannot be distinguished."""
    levels = [sorted({pair[place] for pair in pairs}) for place in (0, 1)]
    if len(levels[0]) == 1:  # one folder contains all others
        return SPEAKER_WORD
    partners: list[dict[str, set[str]]] = [{}, {}]
    for outer, inner in pairs:
        partners[0].setdefault(outer, set()).add(inner)
        partners[1].setdefault(inner, set()).add(outer)
    singles = [[len(others) == 1 for others in level.values()] for level in partners]
    # Each rule tests both levels for speakers, and decides if exactly one level passes.
    rules = (
        [not _are_words(level) for level in levels],
        [all(SPEAKER_NUMBER.fullmatch(name) for name in level) for level in levels],
        # A speaker may have recorded a single word, but a word by a single speaker cannot be learned.
        [2 * sum(these) >= len(these) and not any(others) for these, others in (singles, singles[::-1])],
        [all(name[:1].isupper() for name in level) for level in levels],
    )
    for outer, inner in rules:
        if outer != inner:
            return SPEAKER_WORD if outer else WORD_SPEAKER
    return ""


def _are_words(names: Sequence[str]) -> bool:
    """Whether at least half of the names are typical words."""
    return 2 * sum(name.casefold() in COMMON_WORDS for name in names) >= len(names)

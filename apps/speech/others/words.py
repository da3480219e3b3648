"""Other words than those of a list, as eSpeak NG is to say them, in any language.

Three kinds: words of the language (English has a list, every language its numbers and letters), near misses, which
differ from a word of the list in one phoneme (nose / no, stock / stop), and words that do not exist, of the language's
own phonemes. What sounds like a word of the list is left out, however it is written.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Sequence

from apps.speech.others.english import ENGLISH
from apps.speech.voices.worker import ANSWER, environment
from cnn_core.errors import UserError

NUMBERS = [str(number) for number in (*range(31), 40, 50, 60, 70, 80, 90, 100, 1000)]
LETTERS = list("abcdefghijklmnopqrstuvwxyz")
VOWELS = "aeiouAEIOUVyYQ@03"
NEAR, INVENTED = 14, 120
"""Near misses of each word, and words that do not exist."""


def is_listed(language: str) -> bool:
    """Whether there is a list of the language's words, and not of its numbers and letters alone."""
    return language.partition("-")[0] == "en"


def other_words(
    words: Sequence[str], language: str, seed: int = 0, near: int = NEAR, invented: int = INVENTED
) -> list[str]:
    """What to say: words as they are written, and phonemes between [[ and ]] as eSpeak NG writes them.

    `near` near misses of each word are among them, and `invented` words that do not exist. Raises UserError where
    eSpeak NG is missing or does not speak the language.
    """
    plain = [*NUMBERS, *LETTERS, *(ENGLISH if is_listed(language) else ())]
    spellings = [spelling for word in words for spelling in word.split("|")]
    sounds = phonemes([*spellings, *plain], language)
    taken = {_bare(each) for each in sounds[: len(spellings)]}
    found: dict[str, str] = {}  # sound -> what to say
    for text, sound in zip(plain, sounds[len(spellings) :], strict=True):
        if _bare(sound) and _bare(sound) not in taken:
            found.setdefault(_bare(sound), text)
    inventory = sorted({each for sound in sounds for each in sound})
    vowels = [each for each in inventory if _is_vowel(each)]
    others = [each for each in inventory if not _is_vowel(each) and each.strip("';,%_|")]
    source = random.Random(f"{seed} {language} {words}")
    for sound in sounds[: len(spellings)]:
        misses = neighbours(sound, vowels, others)
        for each in source.sample(misses, min(near, len(misses))):
            if _bare(each) not in taken:
                found.setdefault(_bare(each), f"[[{''.join(each)}]]")
    for _ in range(invented if vowels and others else 0):
        made: list[str] = []
        for syllable in range(source.choice((1, 1, 2, 2, 3))):
            stress = "" if syllable else "'"
            made += [source.choice(others), stress + source.choice(vowels).lstrip("',"), source.choice((*others, ""))]
        if _bare(made) not in taken:
            found.setdefault(_bare(made), f"[[{''.join(made)}]]")
    return list(found.values())


def neighbours(sound: Sequence[str], vowels: Sequence[str], others: Sequence[str]) -> list[list[str]]:
    """All sounds that differ in one phoneme: another of its kind, one less, or a consonant more at either end."""
    found = []
    for place, each in enumerate(sound):
        kind = vowels if _is_vowel(each) else others
        mark = each[: len(each) - len(each.lstrip("',"))]  # the stress stays
        for other in kind:
            if other.lstrip("',") != each.lstrip("',"):
                found.append([*sound[:place], mark + other.lstrip("',"), *sound[place + 1 :]])
        if len(sound) > 2 and not _is_vowel(each):
            found.append([*sound[:place], *sound[place + 1 :]])
    return found + [[*sound, other] for other in others] + [[other, *sound] for other in others]


def phonemes(texts: Sequence[str], language: str) -> list[list[str]]:
    """The phonemes of each text, by eSpeak NG's names, stress marks before the vowel.

    Raises UserError where eSpeak NG is missing or does not speak the language.
    """
    jobs = [{"engine": "phonemes", "text": text, "voice": language} for text in texts]
    process = subprocess.run(
        [sys.executable, "-m", "apps.speech.voices.worker"],
        input="".join(f"{json.dumps(job)}\n" for job in jobs).encode(),
        capture_output=True,
        env=environment(),
        check=False,
    )
    if process.returncode:
        lines = process.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UserError(lines[-1] if lines else "eSpeak NG stopped")
    found, at = [], 0
    for _ in texts:
        _, size = ANSWER.unpack_from(process.stdout, at)
        at += ANSWER.size + size
        said = process.stdout[at - size : at].decode("utf-8", "replace")
        found.append([each for part in said.split() for each in part.split("_") if each])
    return found


def _is_vowel(phoneme: str) -> bool:
    return phoneme.lstrip("',%=|")[:1] in VOWELS


def _bare(sound: Sequence[str]) -> str:
    """A sound without its stress, for comparison."""
    return "".join(sound).replace("'", "").replace(",", "").replace("%", "").replace("=", "")

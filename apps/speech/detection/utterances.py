"""Words, and other words, by synthetic voices that no network was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.speech.corpora.clips import TEST, Corpus
from apps.speech.detection.words import ENGLISH
from apps.speech.others.words import is_listed, other_words, phonemes
from apps.speech.signal.audio import RATE

QUIET = 0.01  # of the peak: what a word does not reach at its ends is no part of it


@dataclass(frozen=True, eq=False)
class Utterance:
    """A word that somebody says: samples (s,) int16 from its first sound to its last."""

    samples: np.ndarray
    word: str
    speaker: str


def of_corpus(corpus: Corpus, rows: Sequence[int] | np.ndarray) -> list[Utterance]:
    """The clips at `rows`, without the silence at their ends; silent ones are left out."""
    found = []
    for row in rows:
        clip = corpus.clips[row]
        loud = np.flatnonzero(np.abs(clip.astype(np.int32)) > QUIET * np.abs(clip.astype(np.int32)).max())
        if len(loud) > RATE // 20:
            speaker = corpus.names[corpus.speakers[row]] if corpus.names else ""
            word = corpus.labels[corpus.targets[row]]
            found.append(Utterance(clip[loud[0] : loud[-1] + 1], word, speaker))
    return found


def spoken(words: Sequence[str], language: str, count: int, progress: bool = True) -> list[Utterance]:
    """`count` utterances of the words in turn by held-out voices; a word may have spellings: colour|color.

    Raises UserError as `synthesis.speak` does.
    """
    from apps.speech.voices import synthesis

    each = -(-count // len(words))
    name = f"voices:{language}:{','.join(words)}"
    plan = synthesis.Spoken(name, language, tuple(words), clips=max(each * 7, 20))  # about a fifth by held-out voices
    corpus = synthesis.speak(plan, progress, silent=True, part=TEST, most=each)
    return of_corpus(corpus, range(len(corpus.clips)))[:count]


def unlisted(words: Sequence[str], language: str) -> list[str]:
    """Words that do not sound like those of the list, for measuring: English ones that no network of the suite is
    trained on, of other languages what `others.words` gives with another seed.

    Raises UserError where eSpeak NG is missing or does not speak the language.
    """
    if not is_listed(language):
        return other_words(words, language, seed=1)
    spellings = [spelling for word in words for spelling in word.split("|")]
    sounds = ["".join(sound) for sound in phonemes([*spellings, *ENGLISH], language)]
    taken, found = set(sounds[: len(spellings)]), zip(ENGLISH, sounds[len(spellings) :], strict=True)
    return [word for word, sound in found if sound not in taken]

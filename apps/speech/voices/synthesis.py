"""A word list spoken by many synthetic voices.

eSpeak NG has about ninety voices, each with every accent of its language, at many rates and pitches; SVOX Pico has one
or two more natural ones. A voice is in one split only. Letters: N clips, L samples of a clip.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.speech.corpora.clips import TEST, TRAIN, VALIDATION, Corpus, numbered
from apps.speech.corpora.fsdd import DIGITS
from apps.speech.signal.audio import LENGTH, RATE, fit_clip, to_int16
from apps.speech.signal.resampling import resample
from apps.speech.voices import espeak
from apps.speech.voices.worker import ANSWER, environment
from cnn_core import console
from cnn_core.benchmark import usable_cores
from cnn_core.console import counted
from cnn_core.errors import UserError
from cnn_core.optional import require

CLIPS = 2000  # of each word
PICO_SHARE = 0.25
PICO_VOICES = {
    "en": ("en-US", "en-GB"),
    "de": ("de-DE",),
    "es": ("es-ES",),
    "fr": ("fr-FR",),
    "it": ("it-IT",),
}
PHONEMES = "[["
"""What begins so is not a word but phonemes, by eSpeak NG's names."""
TONES = ("{}.", "{}?", "{}!", "{},")  # intonation


@dataclass(frozen=True)
class Spoken:
    """Words to speak, their language (eSpeak NG's code), and the number of clips of each."""

    name: str
    language: str
    words: tuple[str, ...]
    clips: int = CLIPS

    @property
    def labels(self) -> tuple[str, ...]:
        """The words, each by its first spelling."""
        return tuple(word if word.startswith(PHONEMES) else word.split("|")[0].strip() for word in self.words)


NAMED = {"synthetic-digits": Spoken("synthetic-digits", "en", DIGITS)}


def parse(data: str) -> Spoken | None:
    """What `data` names: a set of NAMED, or voices:LANGUAGE:word,word,...; None where it names neither.

    A word may have several spellings: colour|color. Raises UserError for an empty word, or the same one twice.
    """
    if data in NAMED:
        return NAMED[data]
    kind, _, rest = data.partition(":")
    if kind != "voices":
        return None
    language, _, listed = rest.partition(":")
    words = tuple(" ".join(word.split()) for word in listed.split(","))
    spellings = [spelling.strip() for word in words for spelling in word.split("|")]
    if not language or not all(spellings):
        raise UserError(
            f"{data!r}: write voices:LANGUAGE:word,word,... such as voices:en:yes,no; one word may have several"
            " spellings: colour|color"
        )
    if len({spelling.casefold() for spelling in spellings}) < len(spellings):
        raise UserError(f"{data!r}: a word appears twice")
    return Spoken(data, language, words)


def plan(spoken: Spoken, seed: int = 0) -> tuple[list[dict[str, Any]], list[str], np.ndarray, np.ndarray]:
    """The jobs for worker.py, and for each the name of its voice, its word (N,) and its split (N,).

    Tempo, pitch, melody and accent are drawn at random; each word gets every voice about equally often.
    """
    generator = np.random.default_rng(seed)
    accents = espeak.accents(spoken.language)
    voices = [str(name) for name in generator.permutation(espeak.variants())]
    held = max(len(voices) // 10, 1)
    split = dict.fromkeys(voices, TRAIN)
    split |= dict.fromkeys(voices[:held], VALIDATION) | dict.fromkeys(voices[held : 3 * held], TEST)
    natural = PICO_VOICES.get(spoken.language, ())
    split |= {f"pico {voice}": (TRAIN, TEST)[number] for number, voice in enumerate(natural)}
    jobs, names, words, parts_of = [], [], [], []
    for word, text in enumerate(spoken.words):
        order = generator.permutation(max(spoken.clips, len(voices)))
        for number in range(spoken.clips):
            said = text
            if "|" in text and not text.startswith(PHONEMES):
                spellings = text.split("|")
                said = spellings[generator.integers(len(spellings))].strip()
            sentence = TONES[generator.integers(len(TONES))].format(said)
            if natural and not text.startswith(PHONEMES) and generator.random() < PICO_SHARE:
                voice = natural[0 if generator.random() < 0.8 else -1]
                name = f"pico {voice}"
                speed, pitch = (float(np.exp(generator.uniform(-spread, spread))) for spread in (0.35, 0.3))
                jobs.append({"engine": "pico", "text": sentence, "voice": voice, "speed": speed, "pitch": pitch})
            else:
                name = voices[order[number] % len(voices)]
                accent = accents[generator.integers(len(accents))]
                job: dict[str, Any] = {"engine": "espeak", "text": sentence, "voice": f"{accent}+{name}"}
                job["words_per_minute"] = int(generator.integers(110, 260))
                job["pitch"] = int(np.clip(generator.normal(50, 20), 5, 95))
                job["variation"] = int(generator.integers(20, 95))
                jobs.append(job)
            names.append(name)
            words.append(word)
            parts_of.append(split[name])
    return jobs, names, np.array(words, np.int64), np.array(parts_of, np.uint8)


def speak(
    spoken: Spoken, progress: bool = True, *, silent: bool = False, part: int | None = None, most: int = 0
) -> Corpus:
    """Speak all jobs of the plan with one process for each core; of `part` alone, and of each word at most `most`.

    Raises UserError if the engines are missing (extra `voices`), fail, or, without `silent`, say nothing for a word.
    """
    require("espeakng_loader", "speaking words with synthetic voices")
    require("py_nanotts", "speaking words with synthetic voices")
    jobs, names, words, parts_of = plan(spoken)
    if part is not None:
        chosen = [row for word in range(len(spoken.words)) for row in _of(words, parts_of, word, part)[: most or None]]
        jobs, names = [jobs[row] for row in chosen], [names[row] for row in chosen]
        words, parts_of = words[chosen], parts_of[chosen]
    clips = np.zeros((len(jobs), LENGTH), np.int16)
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for row in range(len(jobs)):
        waiting.put(row)
    done: queue.SimpleQueue[int | Exception] = queue.SimpleQueue()
    crews = [
        threading.Thread(target=_crew, args=(jobs, waiting, done, clips), daemon=True) for _ in range(_processes())
    ]
    for crew in crews:
        crew.start()
    label = f"{counted(len(spoken.words), 'word')} spoken"
    for _ in console.progress(label, over=range(len(jobs)), unit="clip", show=progress):
        row = done.get()
        if isinstance(row, Exception):
            raise row
        if not silent and not clips[row].any():
            raise UserError(f"{spoken.name}: the voices say nothing for {spoken.words[words[row]]!r}; leave it out")
    speakers, voices = numbered(names)
    return Corpus(spoken.name, spoken.labels, clips, words, parts_of, speakers, voices)


def _of(words: np.ndarray, parts_of: np.ndarray, word: int, part: int) -> list[int]:
    return np.flatnonzero((words == word) & (parts_of == part)).tolist()


def _processes() -> int:
    return max(usable_cores(), 1)


def _crew(jobs: Sequence[dict[str, Any]], waiting: Any, done: Any, clips: np.ndarray) -> None:
    """Run one process and give it jobs; puts each finished row, or the exception that stopped it, into `done`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "apps.speech.voices.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        while True:
            row = waiting.get_nowait()
            process.stdin.write(json.dumps(jobs[row]).encode() + b"\n")
            process.stdin.flush()
            head = process.stdout.read(ANSWER.size)
            if len(head) < ANSWER.size:
                reason = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
                raise UserError(reason[-1] if reason else f"a synthetic voice stopped at {jobs[row]['text']!r}")
            rate, size = ANSWER.unpack(head)
            samples = np.frombuffer(process.stdout.read(size), "<i2").astype(np.float32) / 32768
            clips[row] = fit_clip(to_int16(resample(trim(samples, rate), rate, RATE)))
            done.put(row)
    except queue.Empty:
        pass
    except Exception as error:  # passed to the main thread, which raises it
        done.put(error if not isinstance(error, OSError) else UserError(f"a synthetic voice stopped ({error})"))
    finally:
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()
        process.wait()


def trim(samples: np.ndarray, rate: int, quiet: float = 0.01) -> np.ndarray:
    """Cut off what is below -40 dB of the peak at both ends, except for 20 ms."""
    loud = np.flatnonzero(np.abs(samples) > quiet * np.abs(samples).max(initial=0))
    if not len(loud):
        return samples
    margin = rate // 50
    return samples[max(loud[0] - margin, 0) : loud[-1] + 1 + margin]

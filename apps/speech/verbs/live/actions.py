"""What is done about each word: its sound saved, a command run. A failure is told, and listening goes on."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import threading
import time
import unicodedata
from pathlib import Path

import numpy as np

from apps.speech.detection.detector import Word
from apps.speech.signal.audio import write_wav
from cnn_core.console import note
from cnn_core.errors import UserError

PLACE = "{word}"
AT_ONCE = 8
"""Commands that may run at the same time."""
PATIENCE = 5.0  # seconds in which commands may end after the sound has


def arguments(command: str) -> list[str]:
    """`command` split as a shell would, once, before any word is known.

    Raises UserError for quotes without an end, an empty command and a program that does not exist.
    """
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise UserError(f"--exec {command!r}: {str(error).lower()}") from error
    if not found:
        raise UserError("--exec: name a command, such as --exec 'notify-send {word}'")
    if PLACE not in found[0] and shutil.which(found[0]) is None:
        raise UserError(f"--exec: there is no program {found[0]!r}; give its whole path")
    return found


class Commands:
    """Runs the command for each word, without a shell, beside the listening."""

    def __init__(self, command: str):
        self.template = arguments(command)
        self.running: list[threading.Thread] = []

    def run(self, word: Word) -> None:
        """Start the command; the word is one argument or a part of one, whatever characters it has."""
        if any(part.startswith(PLACE) for part in self.template) and word.word.startswith("-"):
            return note(f"--exec: not run, for {word.word!r} would be taken for an option; write it as --name={PLACE}")
        self.running = [thread for thread in self.running if thread.is_alive()]
        if len(self.running) >= AT_ONCE:
            return note(f"--exec: not run for {word.word!r}: {AT_ONCE} commands are still running")
        parts = [part.replace(PLACE, word.word) for part in self.template]
        try:
            process = subprocess.Popen(parts, stdin=subprocess.DEVNULL, stdout=_errors())
        except (OSError, ValueError) as error:
            return note(f"--exec: {parts[0]} did not start ({getattr(error, 'strerror', None) or error})")
        thread = threading.Thread(target=_await, args=(process, parts[0]), daemon=True)
        thread.start()
        self.running.append(thread)
        return None

    def finish(self) -> None:
        """Give the commands some seconds to end; say how many still run."""
        until = time.monotonic() + PATIENCE
        for thread in self.running:
            thread.join(max(until - time.monotonic(), 0))
        if left := sum(thread.is_alive() for thread in self.running):
            note(f"--exec: commands that still run: {left}")


def _errors() -> int:
    """Where a command's output goes: standard output is for words."""
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        return subprocess.DEVNULL


def _await(process: subprocess.Popen[bytes], name: str) -> None:
    status = process.wait()
    if status:
        note(f"--exec: {name} " + (f"was ended by signal {-status}" if status < 0 else f"failed with status {status}"))


class Alarms:
    """Saves the second of sound of each word as a WAV file in a folder."""

    def __init__(self, folder: Path):
        if folder.exists() and not folder.is_dir():
            raise UserError(f"--save-alarms {folder}: is no folder")
        self.folder, self.begun, self.full = folder, time.strftime("%Y%m%dT%H%M%S"), False

    def save(self, word: Word, clip: np.ndarray) -> Path | None:
        """(L,) int16 -> WORD-BEGUN-SECOND-PROBABILITY.wav; None, said once, where it cannot be written."""
        stem = f"{safe(word.word)}-{self.begun}-{word.start:08.2f}s-{round(100 * word.probability):02d}"
        path, number = self.folder / f"{stem}.wav", 2
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            while path.exists():
                path, number = self.folder / f"{stem}-{number}.wav", number + 1
            write_wav(path, clip)
        except (OSError, UserError, RuntimeError) as error:  # soundfile's errors are RuntimeErrors
            if not self.full:
                note(f"--save-alarms: cannot write {path} ({error}); said once")
            self.full = True
            return None
        return path


def safe(word: str) -> str:
    """A word as part of a file name: letters and digits of any script, others become _; never empty or hidden."""
    text = unicodedata.normalize("NFC", word)
    kept = "".join(c if c.isalnum() or unicodedata.category(c) == "Mn" else "_" for c in text)
    return kept.encode()[:80].decode(errors="ignore") or "word"

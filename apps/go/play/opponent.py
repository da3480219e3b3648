"""Players for a match: a trained network, one that moves at random, and any program that speaks GTP."""

import os
import queue
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np

from apps.go.play.player import Predictor, Style, choose
from apps.go.rules import points
from apps.go.rules.position import Position
from apps.go.rules.ruleset import DEFAULT, Ruleset
from cnn_core.errors import UserError

GAMES_FOLDER = "/usr/games"  # where Debian puts GNU Go, which is not on every PATH
RESIGN = -1


class Player(Protocol):
    """One side of a game. `move` may answer RESIGN; `score` is the player's own count ("B+3.5"), where it has one."""

    name: str

    def start(self, size: int, komi: float) -> None:
        """Begin a new game."""
        ...

    def move(self, position: Position, colour: int) -> int:
        """Choose a move in `position`, in which it is the turn of `colour`."""
        ...

    def see(self, colour: int, point: int) -> None:
        """Take note of the other side's move."""
        ...

    def score(self) -> str | None:
        """The result of the finished game."""
        ...

    def close(self) -> None:
        """End whatever was started."""
        ...


class LocalPlayer:
    """A player in this process: `chooser(position, colour, komi)` gives its move, or a pass."""

    def __init__(self, name: str, chooser: Callable[[Position, int, float], int]):
        self.name, self.chooser = name, chooser
        self.komi = 7.5

    def start(self, size: int, komi: float) -> None:
        """Takes note of the komi."""
        self.komi = komi

    def move(self, position: Position, colour: int) -> int:
        """What the chooser says."""
        return self.chooser(position, colour, self.komi)

    def see(self, colour: int, point: int) -> None:
        """The position says it all."""

    def score(self) -> str | None:
        """It does not count."""
        return None

    def close(self) -> None:
        """Nothing to do."""


def network_player(predictor: Predictor, style: Style, seed: int, name: str) -> LocalPlayer:
    """A predictor that plays in a style; see `apps.go.play.player.choose`."""
    random = np.random.default_rng(seed)
    return LocalPlayer(
        name, lambda position, colour, komi: choose(predictor, position, colour, style, random, komi=komi)
    )


def random_player(seed: int) -> LocalPlayer:
    """Any legal move that fills no own eye and repeats no board, each with the same probability; else a pass."""
    random = np.random.default_rng(seed)

    def chooser(position: Position, colour: int, komi: float) -> int:
        strict = position.copy()
        strict.superko, strict.situational, strict.suicide = True, False, False
        free = np.flatnonzero(strict.legal(colour) & ~strict.own_eye(colour))
        return int(random.choice(free)) if len(free) else position.passes

    return LocalPlayer("random", chooser)


class GtpPlayer:
    """A program that is spoken to over pipes. Every failure is a UserError that names the program in one line."""

    def __init__(self, command: str, timeout: float, seed: int = 0, rules: Ruleset = DEFAULT):
        words = full_command(command, seed, rules)
        self.name, self.timeout, self.size = command, timeout, 19
        # Its words of complaint go to a file: a pipe that nobody empties would stop it.
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115 (`close` closes it)
        try:
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.complaints,
                start_new_session=True,  # Ctrl-C is ours; and what it starts ends with it
            )
        except OSError as error:
            self.complaints.close()
            raise UserError(f"opponent {command!r} cannot be started: {error.strerror or error}") from error
        self.lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, size: int, komi: float) -> None:
        """boardsize, clear_board, komi. Raises UserError when it does not play on such a board."""
        self.size = size
        for command in (f"boardsize {size}", "clear_board", f"komi {komi:g}"):
            good, text = self.ask(command)
            if not good:
                raise self._error(f"answers {command!r} with an error: {text}")

    def move(self, position: Position, colour: int) -> int:
        """genmove."""
        command = f"genmove {points.letter(colour)}"
        good, text = self.ask(command)
        if good and text.lower() == "resign":
            return RESIGN
        try:
            if not good:
                raise ValueError
            return points.parse(text, position.size)
        except ValueError:
            raise self._error(f"answers {command!r} with {text[:60]!r}") from None

    def see(self, colour: int, point: int) -> None:
        """play. Raises UserError when it takes the move for illegal."""
        command = f"play {points.letter(colour)} {points.name(point, self.size)}"
        good, text = self.ask(command)
        if not good:
            raise self._error(f"answers {command!r} with an error: {text}")

    def score(self) -> str | None:
        """final_score, or None when it has no such command."""
        good, text = self.ask("final_score")
        return text if good and text else None

    def ask(self, command: str) -> tuple[bool, str]:
        """(success, text) of a command. Raises UserError when the program has died, hangs, or speaks no GTP."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{command}\n".encode("ascii"))
            self.process.stdin.flush()
        except OSError:
            raise self._died() from None
        answer: list[str] = []
        end = time.monotonic() + self.timeout
        while True:
            try:
                line = self.lines.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                raise self._error(f"gave no answer to {command!r} within {self.timeout:g} seconds") from None
            if line is None:
                raise self._died()
            if line.strip():
                if not answer and line[0] not in "=?":
                    raise self._error(f"speaks no GTP: it answers {command!r} with {line.strip()[:60]!r}")
                answer.append(line.strip())
            elif answer:
                good = answer[0][0] == "="
                answer[0] = answer[0][1:].lstrip("0123456789").strip()
                return good, "\n".join(answer).strip()

    def close(self) -> None:
        """Ask it to leave; then see to it that it has left, and all that it started."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(b"quit\n")
        with suppress(OSError):
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        with suppress(ProcessLookupError):  # nobody is left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.complaints.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.put(line.decode("utf-8", "replace"))
        self.lines.put(None)

    def _died(self) -> UserError:
        try:
            status = self.process.wait(1)
        except subprocess.TimeoutExpired:
            return self._error("closed its output in the middle of the match")
        self.complaints.seek(0)
        words = self.complaints.read()[-4096:].decode("utf-8", "replace").strip().splitlines()
        return self._error(f"died (exit status {status})" + (f": {words[-1][:200]}" if words else ""))

    def _error(self, what: str) -> UserError:
        return UserError(f"opponent {self.name!r} {what}")


def full_command(command: str, seed: int, rules: Ruleset = DEFAULT) -> list[str]:
    """The words of a command with `{seed}` filled in. GNU Go gets the seed and the rules, unless it has its own.

    Raises UserError when there is no such program.
    """
    try:
        words = [word.replace("{seed}", str(seed)) for word in shlex.split(command)]
    except ValueError as error:
        raise UserError(f"--opponent {command!r}: {error}") from error
    if not words:
        raise UserError("--opponent: name a program that speaks GTP, or random")
    program = shutil.which(words[0]) or shutil.which(words[0], path=GAMES_FOLDER)
    if program is None:
        hint = " (Debian: apt-get install gnugo)" if words[0] == "gnugo" else ""
        raise UserError(f"--opponent {words[0]}: no such program{hint}")
    if Path(program).name == "gnugo":
        words += [] if "--seed" in words else ["--seed", str(seed)]
        counting = "--japanese-rules" if rules.scoring == "territory" else "--chinese-rules"
        words += [] if {"--chinese-rules", "--japanese-rules"} & set(words) else [counting]
        words += ["--allow-suicide"] * rules.suicide
        words += [] if rules.ko == "simple" else [f"--{rules.ko}-superko"]
    return [program, *words[1:]]

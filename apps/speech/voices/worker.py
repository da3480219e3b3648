"""A process that speaks: one JSON job on each line of standard input, samples on standard output. Run by synthesis.py.

    python -m apps.speech.voices.worker

A job is {"engine": "espeak" or "pico", "text": ..., and the engine's arguments}; an answer is the rate in Hz and
the number of bytes (two little-endian int32), then that many bytes of 16-bit samples. With "phonemes" as the engine the
rate is 0 and the bytes are the text's phonemes.
"""

import json
import os
import struct
import sys
from typing import Any

from apps.speech.voices.espeak import Espeak
from cnn_core.errors import UserError
from cnn_core.optional import require

ANSWER = struct.Struct("<ii")
PICO_RATE = 16_000  # Hz


def environment() -> dict[str, str]:
    """The environment in which a worker finds this suite."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class Engines:
    """The engines, each started when it is first needed."""

    def __init__(self) -> None:
        self.espeak: Espeak | None = None
        self.pico: Any = None

    def speak(self, job: dict[str, Any]) -> tuple[int, bytes]:
        """Rate in Hz and 16-bit samples of one job."""
        arguments = {name: value for name, value in job.items() if name != "engine"}
        if job["engine"] == "pico":
            self.pico = self.pico or require("py_nanotts", "speaking words with synthetic voices").NanoTTS()
            return PICO_RATE, self.pico.speak(**arguments)
        self.espeak = self.espeak or Espeak()
        if job["engine"] == "phonemes":
            return 0, self.espeak.phonemes(**arguments).encode()
        return self.espeak.rate, self.espeak.speak(**arguments)


def main() -> int:
    """Answer jobs until standard input ends; a UserError is one line on standard error and status 2."""
    engines = Engines()
    try:
        for line in sys.stdin:
            rate, samples = engines.speak(json.loads(line))
            sys.stdout.buffer.write(ANSWER.pack(rate, len(samples)) + samples)
            sys.stdout.buffer.flush()
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

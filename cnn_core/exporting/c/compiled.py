"""The C file compiled by the compiler of this machine, and asked."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

FLAGS = ("-std=c99", "-O2")
SECONDS = 300.0


PROBE = "#include <math.h>\n#include <stdint.h>\n#include <stdio.h>\nint main(void) { return (int)floor(0.5); }\n"


def compiler() -> list[str]:
    """The command of a C compiler that works: $CC, else cc, gcc or clang; [] where there is none."""
    named = shlex.split(os.environ.get("CC", ""))
    return next((each for each in ([named] if named else [["cc"], ["gcc"], ["clang"]]) if _works(each)), [])


def _works(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    with TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text(PROBE, encoding="ascii")
        try:
            build(command, source, Path(folder) / "probe")
        except (RuntimeError, OSError, subprocess.TimeoutExpired):  # no headers, no linker: as good as none
            return False
        return (Path(folder) / "probe").is_file()


def build(command: list[str], source: Path, program: Path, flags: tuple[str, ...] = FLAGS) -> None:
    """Compile `source` with its main to `program`. Raises RuntimeError with what the compiler says."""
    words = [*command, *flags, "-DCNN_MAIN", str(source), "-o", str(program), "-lm"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise RuntimeError(f"{command[0]} does not compile the C file: {_first(done.stderr)}")


def ask(program: Path, inputs: np.ndarray) -> np.ndarray:
    """Probabilities (N, C) float64 that the program prints for inputs (N, ...). Raises RuntimeError where it fails."""
    rows = inputs.reshape(len(inputs), -1)
    whole = np.issubdtype(rows.dtype, np.integer)
    text = "\n".join(" ".join(str(int(n)) if whole else f"{n:.9g}" for n in row) for row in rows.tolist())
    done = subprocess.run(
        [str(program)], input=text, capture_output=True, text=True, check=False, timeout=SECONDS, encoding="utf-8"
    )
    if done.returncode:
        raise RuntimeError(f"the compiled C file fails: {_first(done.stderr)}")
    return np.array([[float(n) for n in line.split("\t")[0].split()] for line in done.stdout.splitlines()])


def _first(said: str) -> str:
    return next((line for line in said.splitlines() if line.strip()), "without a message")

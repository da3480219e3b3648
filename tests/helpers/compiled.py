"""A C file of the suite as a library in this process: what its functions give, bit for bit."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O2")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc on this machine")


def logits_of(text, inputs, classes, folder):
    """Logits (N, classes) that `predict` of the C file gives for inputs (N, ...)."""
    source, library = folder / "network.c", folder / "network.so"
    source.write_text(text)
    subprocess.run(["gcc", *STRICT, "-shared", "-fPIC", source, "-o", library, "-lm"], check=True)
    predict = ctypes.CDLL(str(library)).predict
    found = np.zeros((len(inputs), classes), np.float32)
    for row, given in zip(found, np.ascontiguousarray(inputs), strict=True):
        predict(given.ctypes.data_as(ctypes.c_void_p), row.ctypes.data_as(ctypes.c_void_p))
    return found

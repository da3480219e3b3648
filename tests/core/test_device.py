"""Settings of the process."""

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from cnn_core.device import keep_freed_memory
if len(sys.argv) > 1:
    keep_freed_memory()
for _ in range(40):
    torch.ones(4 << 18)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    kept = [torch.ones(4 << 18) for _ in range(3)]
    del kept
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc"
)
def test_freed_memory_is_used_again():
    """60 arrays of 4 MiB: 61,000 pages of 4 KiB when the system gives each of them anew."""
    faults = [
        int(subprocess.run([sys.executable, "-c", PROGRAM, *args], capture_output=True, check=True).stdout)
        for args in ([], ["keep"])
    ]
    assert faults[1] < faults[0] / 5

"""Settings of the process."""

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import resource, torch
from cnn_core.training.device import keep_freed_memory
keep_freed_memory()
for _ in range(3):
    torch.ones(24 << 18)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    kept = [torch.ones(24 << 18) for _ in range(3)]
    del kept
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc"
)
def test_freed_memory_is_used_again():
    """60 arrays of 24 MiB: 369,000 pages of 4 KiB where the system gives each of them anew."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert int(done.stdout) < 369_000 / 5

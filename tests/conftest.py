"""Settings for all tests: one thread, no deadlines, a cache that the user's settings do not reach."""

import os
import signal

# Before torch is imported: several test processes share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# An export takes some two seconds; tests of it turn it on.
os.environ["CNN_SUITE_EXPORT"] = "0"

import hypothesis
import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background: children would ignore it as well
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("suite", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch):
    """Mirrors and data folders of the user's must not decide what the tests see."""
    for name in ("CNN_SUITE_MIRROR", "CNN_SUITE_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CNN_SUITE_TRACE", "1")  # a fault fails the test that meets it

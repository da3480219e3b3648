"""What a person sees of a training run: the progress bar, and Ctrl-C that stops between two steps."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cnn_core.console import progress
from cnn_core.training.inference import Means


class ProgressBar:
    """Samples/s and time left from tqdm; the means of the epoch so far twice a second, for reading them waits."""

    def __init__(self, epochs: int, samples: int, done: int, show: bool):
        self.epochs, self.pending, self.shown = epochs, 0, 0.0
        self.bar: Any = None
        if show:
            total = epochs * samples
            self.bar = progress("training", total=total, done=done, unit="samples", scale=1000)

    def step(self, samples: int, epoch: int, means: Means) -> None:
        """`samples` more are done in `epoch` (0, 1, ...)."""
        if self.bar is None:
            return
        self.pending += samples
        now = time.perf_counter()
        if now - self.shown < 0.5:
            return
        self.shown = now
        values: Mapping[str, str] = {name: f"{value:.4f}" for name, value in means.peek().items()}
        self.bar.set_postfix(epoch=f"{epoch + 1}/{self.epochs}", **values, refresh=False)
        self.bar.update(self.pending)
        self.pending = 0

    def close(self) -> None:
        """Take the bar off the screen."""
        if self.bar is not None:
            self.bar.update(self.pending)
            self.bar.close()


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """The first Ctrl-C sets the event, which the loop reads between two steps; a second one stops at once."""
    event = threading.Event()
    # torchrun stops its workers itself; a rank that stopped alone would leave the others waiting.
    if threading.current_thread() is not threading.main_thread() or "WORLD_SIZE" in os.environ:
        yield event
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: Any) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    signal.signal(signal.SIGINT, handle)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)

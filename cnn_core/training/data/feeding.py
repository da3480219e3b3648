"""Batches that are cut in memory or from files, and wanted on another device: cut and copied while it computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
AHEAD = 2
"""Batches that lie ready on the device: one to compute next, one on its way."""


def fed(batches: Iterator[tuple[Tensor, ...]], device: torch.device) -> Iterator[tuple[Tensor, ...]]:
    """The same batches on `device`, in the same order; unchanged where they are there already.

    A thread cuts the next ones meanwhile. For a GPU they go through pinned memory, on a stream of their own, so that
    neither the processor nor the GPU's computing waits for a copy.
    """
    if device.type == "cpu":
        yield from batches
    elif device.type == "cuda":
        yield from _through_pinned_memory(batches, device)
    else:
        yield from ahead((tuple(each.to(device) for each in batch) for batch in batches), AHEAD)


def _through_pinned_memory(batches: Iterator[tuple[Tensor, ...]], device: torch.device) -> Iterator[tuple[Tensor, ...]]:
    stream = torch.cuda.Stream(device)

    def copied() -> Iterator[tuple[tuple[Tensor, ...], Any]]:
        for batch in batches:
            with torch.cuda.stream(stream):
                there = tuple(each.pin_memory().to(device, non_blocking=True) for each in batch)
                yield there, stream.record_event()

    for batch, arrived in ahead(copied(), AHEAD):
        now = torch.cuda.current_stream(device)
        now.wait_event(arrived)
        for each in batch:
            each.record_stream(now)  # else its memory would be reused for a copy while it is computed with
        yield batch


class _End:
    """What a thread says last: that there is no more, or why."""

    def __init__(self, error: BaseException | None = None):
        self.error = error


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """The same items in the same order, up to `count` of them made by a thread before they are asked for.

    What the iterator raises is raised here; when nobody asks any more, the thread ends.
    """
    ready: queue.Queue[T | _End] = queue.Queue(count)
    stopped = threading.Event()

    def put(item: T | _End) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_End())
        except BaseException as error:  # raised where the items are used
            put(_End(error))

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        thread.join()

"""Measure honestly on a shared machine: CPU seconds beside wall time, medians, intervals, and the machine.

CPU seconds count only this process's own work, so a busy neighbour changes them far less than wall time.
"""

import contextlib
import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass
class Timer:
    """Seconds spent so far, or in all once the `with` block has ended."""

    children: bool = False
    _cpu: float = field(default=0.0, repr=False)
    _wall: float = field(default=0.0, repr=False)
    _ended: bool = field(default=False, repr=False)

    def _clock(self) -> tuple[float, float]:
        cpu = time.process_time()
        if self.children:
            spent = os.times()
            cpu += spent.children_user + spent.children_system
        return cpu, time.perf_counter()

    def start(self) -> None:
        """Count from now."""
        self._cpu, self._wall = self._clock()
        self._ended = False

    def stop(self) -> None:
        """Hold the figures; a second call changes nothing."""
        if not self._ended:
            self._cpu, self._wall = self.cpu, self.wall
            self._ended = True

    @property
    def cpu(self) -> float:
        """CPU seconds, user and system, of all threads."""
        return self._cpu if self._ended else self._clock()[0] - self._cpu

    @property
    def wall(self) -> float:
        """Wall seconds."""
        return self._wall if self._ended else self._clock()[1] - self._wall


@contextlib.contextmanager
def cpu_seconds(*, children: bool = False) -> Iterator[Timer]:
    """Time a block: `with cpu_seconds() as spent: ...`, then `spent.cpu` and `spent.wall` in seconds.

    `children` adds child processes that have ended and been waited for within the block.
    """
    timer = Timer(children)
    timer.start()
    try:
        yield timer
    finally:
        timer.stop()


@dataclass(frozen=True)
class Latency:
    """Wall seconds of one call: median and percentiles of n calls."""

    median: float
    p10: float
    p90: float
    p99: float
    n: int


def latency(fn: Callable[[], object], *, warmup: int = 10, repeats: int = 100) -> Latency:
    """Latency of fn() over `repeats` calls after `warmup` calls that do not count."""
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, not {repeats}")
    for _ in range(warmup):
        fn()
    return _latency(_call_times(fn, repeats))


def _call_times(fn: Callable[[], object], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        fn()
        times.append(time.perf_counter() - begin)
    return times


def _latency(times: Sequence[float]) -> Latency:
    p10, median, p90, p99 = (float(value) for value in np.percentile(times, (10, 50, 90, 99)))
    return Latency(median, p10, p90, p99, len(times))


@dataclass(frozen=True)
class Throughput:
    """Items per second of wall time, and per CPU second of this process."""

    per_second: float
    per_cpu_second: float


def throughput(fn: Callable[[], object], items: int, *, warmup: int = 1, seconds: float = 1.0) -> Throughput:
    """Throughput of fn(), which handles `items` items a call, over whole calls that last `seconds` or more."""
    for _ in range(warmup):
        fn()
    calls = 0
    with cpu_seconds() as spent:
        while calls == 0 or spent.wall < seconds:
            fn()
            calls += 1
    # A clock may not have ticked in a very short run; one tick of it is then the best that is known.
    cpu = max(spent.cpu, time.get_clock_info("process_time").resolution)
    return Throughput(calls * items / spent.wall, calls * items / cpu)


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation (n - 1) of n values; `sd` is NaN for a single one."""

    mean: float
    sd: float
    n: int

    def __str__(self) -> str:
        return self.format()

    def format(self, digits: int = 2, scale: float = 1.0) -> str:
        """As text, such as "99.10 ± 0.07 (n = 10)"; `scale` 100 turns shares into per cent."""
        mean = f"{scale * self.mean:.{digits}f}"
        return f"{mean} (n = 1)" if self.n == 1 else f"{mean} ± {scale * self.sd:.{digits}f} (n = {self.n})"


def summary(values: Sequence[float]) -> Summary:
    """Summary of values, over seeds for instance. Raises ValueError when there are none."""
    if not values:
        raise ValueError("no values to sum up")
    sd = statistics.stdev(values) if len(values) > 1 else float("nan")
    return Summary(statistics.fmean(values), sd, len(values))


@dataclass(frozen=True)
class Ratio:
    """Median of n paired ratios with a 95 % bootstrap interval."""

    median: float
    low: float
    high: float
    n: int


def paired_ratio(first: Sequence[float], second: Sequence[float], *, resamples: int = 10_000, seed: int = 0) -> Ratio:
    """Median of first[i] / second[i], measured in pairs so that a slow spell of the machine hits both.

    The interval is the percentile bootstrap over pairs (Efron 1979). Raises ValueError for lists of unequal
    length, empty ones, and values that are not above 0.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or a.size == 0:
        raise ValueError(f"pairs need two lists of one length, not {a.size} and {b.size} values")
    if not (np.all(a > 0) and np.all(b > 0)):
        raise ValueError("ratios need values above 0")
    ratios = a / b
    picks = np.random.default_rng(seed).integers(0, ratios.size, (resamples, ratios.size))
    low, high = np.percentile(np.median(ratios[picks], axis=1), (2.5, 97.5))
    return Ratio(float(np.median(ratios)), float(low), float(high), ratios.size)


def environment() -> dict[str, Any]:
    """The machine and the versions, to be kept with every figure; no names of hosts, users or folders."""
    import torch  # takes seconds to import, and only this needs it here

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def usable_cores() -> int:
    """Cores that this process may run on; a container may be given fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def inference_speed(
    model: "nn.Module",
    onnx_path: str | Path,
    inputs: "Tensor",
    *,
    threads: int = 1,
    rounds: int = 5,
    repeats: int = 40,
    seconds: float = 0.5,
) -> list[dict[str, Any]]:
    """PyTorch against onnxruntime on the CPU: latency of one input, throughput of the batch `inputs` (B, ...).

    Both run in this process with `threads` threads, taking turns in every one of `rounds` rounds, so that a
    slow spell of the machine hits both. Gives a row for each runtime: runtime, threads, batch, latency in
    milliseconds (median, p10, p90, p99), inputs per second of wall and of CPU time (medians of the rounds).
    The model, on the CPU, is run in evaluation mode; its mode and torch's number of threads are put back.
    Raises UserError when the extra `onnx` is missing or the file is not an ONNX model.
    """
    import torch  # takes seconds to import, as export does, which imports it

    from cnn_core.exporting.graph import session

    runtime = session(onnx_path, threads)
    name = runtime.get_inputs()[0].name
    one, many = inputs[:1].contiguous(), inputs.contiguous()
    feed_one, feed_many = {name: one.numpy()}, {name: many.numpy()}
    calls: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "pytorch": (lambda: model(one), lambda: model(many)),
        "onnxruntime": (lambda: runtime.run(None, feed_one), lambda: runtime.run(None, feed_many)),
    }
    times: dict[str, list[float]] = {key: [] for key in calls}
    rates: dict[str, list[Throughput]] = {key: [] for key in calls}
    modes, threads_before = {part: part.training for part in model.modules()}, torch.get_num_threads()
    model.eval()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            for _ in range(rounds):
                for key, (single, batch) in calls.items():
                    _call_times(single, 5)  # warm caches after the other runtime's turn
                    times[key] += _call_times(single, repeats)
                    rates[key].append(throughput(batch, len(many), seconds=seconds))
    finally:
        torch.set_num_threads(threads_before)
        for part, mode in modes.items():
            part.training = mode
    return [
        {
            "runtime": key,
            "threads": threads,
            "batch": len(many),
            "latency_ms": {
                what: value if what == "n" else 1000 * value for what, value in asdict(_latency(times[key])).items()
            },
            "inputs_per_second": statistics.median(rate.per_second for rate in rates[key]),
            "inputs_per_cpu_second": statistics.median(rate.per_cpu_second for rate in rates[key]),
        }
        for key in calls
    ]

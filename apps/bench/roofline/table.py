"""A measured job as a row: what it computes, how fast, and what share of the machine's peak that is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_core.drawing.tables import table
from cnn_core.errors import UserError

SLOWER = 1.2
"""Times the earlier figure above which a job has become slower."""
HEAD = ["job", "sample", "in", "MFLOP", "MB", "FLOP/byte", "CPU-ms", "GFLOP/s", "of peak", "of copies"]


@dataclass(frozen=True)
class Row:
    """A job; all figures are for one sample, in one CPU-second where they are rates."""

    job: str
    sample: str
    precision: str
    flops: float
    bytes: float
    cpu_seconds: float
    peak: float
    """GFLOP/s of products of matrices in the same precision."""
    bandwidth: float
    """GB/s of copies."""

    @property
    def gflops(self) -> float:
        """GFLOP a CPU-second."""
        return self.flops / self.cpu_seconds / 1e9

    @property
    def share(self) -> float:
        """Of the peak."""
        return self.gflops / self.peak

    @property
    def share_of_bandwidth(self) -> float:
        """Of copies from memory; above 1 where the caches serve."""
        return self.bytes / self.cpu_seconds / 1e9 / self.bandwidth

    def to_json(self) -> dict[str, Any]:
        """The fields, and what follows from them."""
        return {
            **vars(self),
            "gflops": self.gflops,
            "share_of_peak": self.share,
            "share_of_bandwidth": self.share_of_bandwidth,
        }


@dataclass(frozen=True)
class Change:
    """A job now and earlier. `times` is how many times as long it takes, both in the time of its machine's peak."""

    job: str
    before: float
    """Share of peak."""
    now: float
    times: float

    @property
    def slower(self) -> bool:
        """By more than a fifth."""
        return self.times > SLOWER


def table_of(rows: Sequence[Row], *, markdown: bool = False) -> str:
    """The rows as a table."""
    lines = [
        [
            row.job,
            row.sample,
            row.precision,
            _digits(row.flops / 1e6),
            _digits(row.bytes / 1e6),
            _digits(row.flops / max(row.bytes, 1)),
            _digits(1e3 * row.cpu_seconds),
            _digits(row.gflops),
            f"{row.share:.1%}",
            f"{row.share_of_bandwidth:.0%}",
        ]
        for row in rows
    ]
    return table(HEAD, lines, markdown=markdown)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def against(rows: Sequence[Row], earlier: Mapping[str, Row]) -> list[Change]:
    """What has become of the jobs that both have.

    Times are compared in units of what the machine could have computed meanwhile, so that runs on two machines
    compare. Where a job does the same work, that is the ratio of the two shares of peak. Raises UserError when they
    have no job in common.
    """
    found = []
    for row in rows:
        before = earlier.get(row.job)
        if before is not None:
            times = row.cpu_seconds * row.peak / (before.cpu_seconds * before.peak)
            found.append(Change(row.job, before.share, row.share, times))
    if not found:
        raise UserError("--against: the file has none of these jobs; measure it again, or name others with --jobs")
    return found


def changes_table(changes: Sequence[Change]) -> str:
    """Earlier and present share of peak of each job, and which are slower."""
    rows = [[c.job, f"{c.before:.1%}", f"{c.now:.1%}", f"{c.times:.2f}", "slower" if c.slower else ""] for c in changes]
    return table(["job", "of peak before", "now", "time, times", ""], rows)


def read_rows(path: Path) -> dict[str, Row]:
    """The rows by job of a file that `--out` or `--json` wrote. Raises UserError for any other."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        names = Row.__dataclass_fields__
        rows = [Row(**{name: row[name] for name in names}) for row in data["rows"]]
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not written by `cnn-bench roofline --out`, or damaged ({error})") from error
    return {row.job: row for row in rows}


def page(result: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The Markdown page of a result."""
    machine = ", ".join(f"{name} {value}" for name, value in result["environment"].items() if value is not None)
    peak = result["peak"]
    peaks = ", ".join(f"{value:.0f} GFLOP/s in {name}" for name, value in peak["gflops"].items())
    skipped = [f"- {job}: {reason}" for job, reason in result["skipped"].items()]
    return "\n".join(
        [
            "# Roofline",
            "",
            f"Written by `{result['command']}`; do not edit. {machine}.",
            "",
            f"Peak of a CPU-second: {peaks}; copies {peak['bandwidth']:.1f} GB/s, read and written.",
            "",
            table_of(rows, markdown=True),
            "",
            *([*skipped, ""] if skipped else []),
            *NOTES,
            "",
        ]
    )


NOTES = (
    "All figures are for one sample. CPU-ms and rates are those of the best of several short rounds, in CPU-seconds.",
    "",
    "- FLOPs are those of products and convolutions, forward and backward, by `torch.utils.flop_counter`: an FFT,",
    "  elementwise work, and what numba does (the rules of Go) have none.",
    "- A convolution by Winograd's algorithm (`fit.winograd`, on processors without bf16) counts as the direct one;",
    "  onnxruntime's FLOPs are those of PyTorch's operators for the same network.",
    "- MB are the tensors that each of PyTorch's operators reads and writes, as if none were in a cache.",
    "- `of peak` is GFLOP/s beside a product of large matrices in the same precision; `of copies` is the MB beside a",
    "  copy in memory: above 100 % the caches serve.",
    "- Inputs are synthetic, of the shape and type of the real ones; networks that only answer are not trained.",
    "",
    "`cnn-bench roofline --against docs/roofline.json` says which jobs have become slower by more than a fifth.",
)

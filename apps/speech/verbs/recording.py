"""evaluate --recording: hits, misses, false alarms an hour and delay in long recordings, and the threshold."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.speech.detection import counts, kept, marks, telling
from apps.speech.detection.draw import draw_curve
from apps.speech.signal.audio import RATE, SUFFIXES
from apps.speech.verbs.live.steps import stride_of
from cnn_core.app import App
from cnn_core.console import progress
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import atomic, csv_cell, existing, files_in, write_json
from cnn_core.outcome import Outcome

SYNTHETIC = "synthetic"
WORDS_PER_HOUR = (500, 1000)  # of the list, and others
SHOWN = (0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
Piece = tuple[np.ndarray, list[marks.Mark]]


def run(app: App, options: Any) -> Outcome:
    """Hear every recording, count at every threshold, keep the threshold in the run; `options` as evaluate has them."""
    _check(options)

    from cnn_core import runs
    from cnn_core.drawing import report
    from cnn_core.training import device

    common = options.common
    trained = runs.restore(app, options.run, device.choose(common.device, common.threads))
    words = [label for label in trained.labels if label not in telling.SILENT]
    if options.recording == SYNTHETIC:
        found, total = synthetic(trained.config, words, options.hours, not common.json), 0
    else:
        found, total = recorded(Path(options.recording), options.truth, words)
    rule = telling.Rule(stride=stride_of(trained.config, telling.Rule.stride))
    heard = hear(trained, progress("heard", over=found, total=total or None, unit="recording"), rule)
    points = counts.curve(heard, trained.labels, rule)
    point = counts.chosen(points, options.alarms_per_hour)
    matched = counts.matches(heard, trained.labels, point.threshold, rule)
    folder = options.out or options.run / "evaluation"
    result: dict[str, Any] = {"run": str(options.run), "recording": options.recording, **point.to_json()}
    result["seconds"] = sum(each.seconds for each in heard)
    result["other_words"] = sum(bool(m.word) and m.word not in words for each in heard for m in each.marks)
    result["alarms_per_hour_wanted"] = options.alarms_per_hour
    result |= {f"by_{field}": counts.by(matched, field) for field in ("word", "speaker", "condition")}
    result["alarms_at"] = {field: dict(counts.causes(matched, field)) for field in ("word", "condition")}
    result |= {"rule": vars(rule), "curve": [each.to_json() for each in points]}
    text = _text(result, points, point, options)
    write_json(folder / "recording.json", result)
    _write_curve(points, folder / "recording.csv")
    report.save(draw_curve(points, point), folder / "recording.png")
    kept.keep(options.run, {k: v for k, v in result.items() if not k.startswith("by_") and k not in ("curve", "run")})
    return Outcome(result, f"{text}\n\nreport: {folder}; the threshold is in {options.run / kept.FILE} for listen")


def _check(options: Any) -> None:
    if options.data:
        raise UserError("--recording and --data exclude each other: give one of them")
    if not 0 <= options.alarms_per_hour < 1e6:
        raise UserError(f"--alarms-per-hour must be at least 0, not {options.alarms_per_hour:g}")
    if not 0.02 <= options.hours <= 100:
        raise UserError(f"--hours must be between 0.02 and 100, not {options.hours:g}")
    if options.recording == SYNTHETIC:
        if options.truth:
            raise UserError("--truth is for recordings of yours: of the synthetic one it is known what is said")
        return
    if options.hours != 1.0:
        raise UserError("--hours is for --recording synthetic; recordings of yours are heard whole")
    existing(Path(options.recording))
    if options.truth:
        existing(options.truth)


def recorded(source: Path, truth: Path | None, words: Sequence[str]) -> tuple[Iterator[Piece], int]:
    """The recordings of a file or a folder with their marks, one at a time, and how many there are."""
    from apps.speech.signal.audio import read_recording, to_int16

    folder = source.is_dir()
    files = files_in(source, SUFFIXES) if folder else [source]
    if not files:
        raise UserError(f"{source}: holds no recordings ({', '.join(SUFFIXES)})")
    names = [path.relative_to(source).as_posix() if folder else path.name for path in files]
    said = marks.read_marks(truth, names) if truth else {name: [] for name in names}
    if truth and not any(mark.word in words for each in said.values() for mark in each):
        raise UserError(f"{truth}: marks none of the words of this network ({', '.join(words[:12])})")

    def each() -> Iterator[Piece]:
        for path, name in zip(files, names, strict=True):
            samples = to_int16(read_recording(path))
            late = [mark for mark in said[name] if mark.start > len(samples) / RATE]
            if late:
                raise UserError(f"{truth}: {name} ends at {len(samples) / RATE:.2f} s, before {late[0].start:.2f} s")
            yield samples, said[name]

    return each(), len(files)


def synthetic(config: Any, words: Sequence[str], hours: float, show: bool) -> Iterator[Piece]:
    """A recording of `hours` by voices that were held out of training: words of the list, others, other sounds."""
    from apps.speech.detection import recordings, utterances
    from apps.speech.voices import synthesis

    named = synthesis.parse(config.data)
    language = named.language if named else config.others.language or "en"
    mine, others = (max(round(rate * hours), 1) for rate in WORDS_PER_HOUR)
    said = utterances.spoken(named.words if named else words, language, mine, show)
    said += utterances.spoken(utterances.unlisted(named.words if named else words, language), language, others, show)
    return recordings.pieces(said)


def hear(trained: Any, found: Iterable[Piece], rule: telling.Rule) -> list[counts.Heard]:
    """What the network says to each recording."""
    from apps.speech.verbs.windows import probabilities

    return [
        counts.Heard(
            telling.smoothed(probabilities(trained, samples, rule.stride, rule.quiet), rule),
            tuple(said),
            len(samples) / RATE,
        )
        for samples, said in found
    ]


def _write_curve(points: Sequence[counts.Point], path: Path) -> None:
    rows = [point.to_json() for point in points]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        names = [name for name in rows[0] if not name.endswith("_interval")]
        bounds = ["hit_rate", "alarms_per_hour"]
        writer.writerow(names + [f"{name}_{end}" for name in bounds for end in ("low", "high")])
        for row in rows:
            ends = [end for name in bounds for end in row[f"{name}_interval"] or (None, None)]  # type: ignore[misc]
            writer.writerow([csv_cell(value) for value in (*(row[name] for name in names), *ends)])


def _text(result: dict[str, Any], points: Sequence[counts.Point], point: counts.Point, options: Any) -> str:
    rows = []
    for each in points:
        if each.threshold in SHOWN or each is point:
            facts: dict[str, Any] = each.to_json()
            low, high = facts["alarms_per_hour_interval"]
            hits = facts["hit_rate_interval"]
            rows.append(
                [
                    f"{each.threshold:g}{' *' if each is point else ''}",
                    f"{each.hits} of {each.words}" if each.words else None,
                    f"{100 * hits[0]:.0f} to {100 * hits[1]:.0f} %" if hits else None,
                    each.false_alarms,
                    f"{each.alarms_per_hour:.1f}  ({low:.1f} to {high:.1f})",
                    None if each.delay is None else f"{each.delay:.2f}",
                ]
            )
    head = ["threshold", "hits", "95 %", "false alarms", "an hour (95 %)", "delay, s"]
    hours = f"{result['seconds'] / 3600:.2f} hours" if result["seconds"] >= 360 else f"{result['seconds']:.0f} s"
    blocks = [f"{options.recording}: {hours}, other words: {result['other_words']:,}", table(head, rows)]
    for field in ("word", "speaker", "condition"):
        found = [row for row in result[f"by_{field}"] if row[field]][:12]
        if found:
            cells = [[row[field], row["words"], f"{row['hits'] / row['words']:.0%}"] for row in found]
            blocks.append(table([f"{field} (fewest hits first)", "said", "told"], cells))
    alarms = list(result["alarms_at"]["word"].items())[:8]
    if alarms:
        blocks.append("false alarms at: " + ", ".join(f"{name} {count}" for name, count in alarms))
    enough = point.alarms_per_hour <= options.alarms_per_hour
    wanted = f"{options.alarms_per_hour:g} false alarms an hour"
    proposal = f"* {point.threshold:g} allows {wanted} here" if enough else f"no threshold allows {wanted}"
    if result["seconds"] / 3600 * options.alarms_per_hour < 3:
        proposal += (
            f"; to be sure of so few takes {3 / max(options.alarms_per_hour, 0.01):.2g} hours of sound without one"
        )
    return "\n\n".join([*blocks, proposal])

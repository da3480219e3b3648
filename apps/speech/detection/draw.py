"""The detection-error curve of words told in recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.speech.detection.counts import Point
from cnn_core.drawing import report as pictures

COLOURS = (pictures.BLUE, pictures.ORANGE, pictures.GREEN, pictures.RED)
TICKS = tuple(digit * 10.0**power for power in range(-2, 5) for digit in (1, 2, 5))


@pictures.styled
def draw_curve(points: Sequence[Point], chosen: Point) -> Any:
    """Misses over false alarms an hour with their 95 % intervals; without listed words, alarms over thresholds."""
    figure = pictures.new_figure(5, 3.6)
    axes = figure.add_subplot()
    least = _least(points)
    if chosen.words:
        _draw_misses(axes, points, pictures.BLUE, "misses, with 95 %")
        place = (max(chosen.alarms_per_hour, least), 100 * (1 - chosen.hits / chosen.words))
    else:
        rows: list[dict[str, Any]] = [point.to_json() for point in points]
        thresholds, alarms = [row["threshold"] for row in rows], [max(row["alarms_per_hour"], least) for row in rows]
        low, high = ([max(row["alarms_per_hour_interval"][end], least / 2) for row in rows] for end in (0, 1))
        axes.fill_between(thresholds, low, high, color=pictures.BLUE, alpha=0.15, linewidth=0)
        axes.plot(thresholds, alarms, "o-", color=pictures.BLUE, label="false alarms an hour, with 95 %")
        place = (chosen.threshold, max(chosen.alarms_per_hour, least))
        axes.set_yscale("log")
        axes.set_yticks(*_ticks(axes.get_ylim()))
        axes.yaxis.set_minor_formatter("")
        axes.set_xlabel("threshold")
        axes.set_ylabel("false alarms an hour")
    axes.plot(*place, "o", color=pictures.ORANGE, markersize=8, label=f"threshold {chosen.threshold:g}")
    axes.grid()
    axes.legend()
    axes.set_title("Words told in recordings")
    return figure


@pictures.styled
def draw_curves(curves: Mapping[str, Sequence[Point]]) -> Any:
    """Misses over false alarms an hour of several networks on the same recordings."""
    figure = pictures.new_figure(6, 4)
    axes = figure.add_subplot()
    for (name, points), colour in zip(curves.items(), COLOURS, strict=False):
        _draw_misses(axes, points, colour, name)
    axes.grid()
    axes.legend()
    axes.set_title("Words told in recordings")
    return figure


def _draw_misses(axes: Any, points: Sequence[Point], colour: str, name: str) -> None:
    """One curve, axes and ticks; where nothing was told wrongly it lies at half an alarm in all the hours."""
    least = _least(points)
    rows: list[dict[str, Any]] = [point.to_json() for point in points]
    alarms = [max(point.alarms_per_hour, least) for point in points]
    low, high = ([100 * (1 - row["hit_rate_interval"][end]) for row in rows] for end in (1, 0))
    axes.fill_between(alarms, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(alarms, [100 * (1 - row["hit_rate"]) for row in rows], "o-", color=colour, label=name)
    axes.set_xscale("log")
    axes.set_xticks(*_ticks(axes.get_xlim()))
    axes.xaxis.set_minor_formatter("")
    none = any(not point.false_alarms for point in points)
    axes.set_xlabel("false alarms an hour" + (f" ({least:.2g}: none in {points[0].hours:.1f} hours)" if none else ""))
    axes.set_ylabel("misses, %")
    axes.set_ylim(0, 100)


def _least(points: Sequence[Point]) -> float:
    return 0.5 / points[0].hours


def _ticks(limits: tuple[float, float]) -> tuple[list[float], list[str]]:
    inside = [tick for tick in TICKS if limits[0] <= tick <= limits[1]]
    return inside, [f"{tick:g}" for tick in inside]

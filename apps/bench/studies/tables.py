"""The results of a study as tables, sentences and pictures."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from cnn_core.drawing.tables import table
from cnn_core.files import atomic, csv_cell

MOVES = (1, 2, 3, 4)
"""Places by which inputs are moved."""


def best_of(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """For each group, the best variant against the reference, and whether chance explains it."""
    lines = []
    for group, entries in rows.items():
        best = max(entries, key=lambda row: row["accuracy"])
        if best is entries[0]:
            second = max(entries[1:], key=lambda row: row["accuracy"])
            lines.append(f"{group}: {best['variant']} is best; next comes {second['variant']}, {_against(second)}.")
        else:
            lines.append(f"{group}: {best['variant']} is best, {_against(best)} against {entries[0]['variant']}.")
    return lines


def _against(row: dict[str, Any]) -> str:
    chance = "too few seeds for a test" if row["p"] is None else f"p = {row['p']:.2g}"
    return f"{100 * row['difference']:+.2f} points ({chance})"


def text_of(result: dict[str, Any], *, markdown: bool = False) -> str:
    """The tables and what they say."""
    parts = []
    for name, rows in result["groups"].items():
        parts.append(f"**{name}**\n" if markdown else name)
        parts.append(_table(rows, markdown) + ("\n" if markdown else ""))
    parts += [*(f"- {line}" for line in result["says"])]
    return "\n".join(parts)


def _table(rows: list[dict[str, Any]], markdown: bool) -> str:
    head = ["variant", "accuracy", "sd", "difference", "p", "parameters", "multiply-adds", "CPU-s"]
    moved = any(row.get("kept_answers") for row in rows)
    if moved:
        head.append("same answer when moved by " + ", ".join(map(str, MOVES)))
    lines = [
        [
            row["variant"],
            f"{row['accuracy']:.2%}",
            None if row["sd"] is None else f"{row['sd']:.2%}",
            None if row is rows[0] else f"{100 * row['difference']:+.2f}",
            None if row["p"] is None else f"{row['p']:.2g}",
            None if row["parameters"] is None else f"{row['parameters']:,.0f}",
            None if row["multiply_adds"] is None else f"{row['multiply_adds']:,.0f}",
            None if row["cpu_seconds"] is None else f"{row['cpu_seconds']:.1f}",
            *([" ".join(f"{share:.1%}" for share in row.get("kept_answers") or ()) or None] if moved else ()),
        ]
        for row in rows
    ]
    return table(head, lines, markdown=markdown)


def plot(name: str, rows: list[dict[str, Any]]) -> Any:
    """Every seed a dot, the mean a bar with its 95 % interval, for each variant of a group."""
    from cnn_core.drawing.report import new_figure

    figure = new_figure(7, 0.9 + 0.38 * len(rows))
    axes = figure.subplots()
    for y, row in enumerate(reversed(rows)):
        colour = "#444444" if row is rows[0] else "#1f57b4"
        axes.plot([100 * a for a in row["each"]], [y] * len(row["each"]), "o", color=colour, alpha=0.5, markersize=5)
        axes.plot([100 * row["accuracy"]] * 2, [y - 0.28, y + 0.28], color=colour, linewidth=2)
        if row.get("interval"):
            ends = [100 * (row["accuracy"] - row["interval"]), 100 * (row["accuracy"] + row["interval"])]
            axes.plot(ends, [y, y], color=colour, linewidth=1.2)
    axes.set_yticks(range(len(rows)), [row["variant"] for row in reversed(rows)])
    axes.axvline(100 * rows[0]["accuracy"], color="#999999", linewidth=0.8, linestyle=":")
    axes.set_xlabel("test accuracy, %: seeds, mean, its 95 % interval")
    axes.set_title(name, loc="left", fontsize=10.5, fontweight="bold")
    return figure


def write_csv(rows: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """The rows of all tables as one CSV file."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = ["variant", "seeds", "accuracy", "sd", "difference", "p", "parameters", "multiply_adds", "cpu_seconds"]
    writer.writerow(["group", *names])
    for group, entries in rows.items():
        writer.writerows([csv_cell(cell) for cell in (group, *(row[name] for name in names))] for row in entries)
    with atomic(path) as part:
        part.write_text(stream.getvalue(), encoding="utf-8")

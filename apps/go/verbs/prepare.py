"""prepare: read games, keep them in the cache, and say what was taken and what was left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.go.config import DEFAULT, PRESETS, Choice
from cnn_core import config
from cnn_core.app import App
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs import prepare as shared

SHOWN = 10  # bad games that the text names; --json has more


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(shared.Verifying):
    """Options of prepare."""

    sgf: Path | None = None
    """Your games: a folder, zip or tar archive of SGF files, or a text file with one game on a line."""
    data: str = ""
    """Name of a data set; the default preset's when left out."""
    list: bool = False
    """Only list the data sets, and the ready-made networks."""
    size: int = 0
    """Board size to take; that of most games when left out."""
    choice: Choice = PRESETS[DEFAULT].choice
    """Which games are taken."""


def parse(app: App, prog: str, args: Sequence[str]) -> PrepareOptions:
    """Options; raises UserError when both kinds of games are named."""
    about = "Read games, keep them in the cache for train, and say what was taken and what was left out."
    options = config.parse(PrepareOptions, args, prog=prog, about=about)
    if options.sgf and options.data:
        raise UserError("--sgf names your games and --data a data set; give one of them")
    return options


@shared.verified
def run(app: App, options: PrepareOptions) -> Outcome:
    """Read, choose, split and count."""
    if options.list:
        return shared.run(app, shared.PrepareOptions(list=True))
    import numpy as np

    from apps.go import data as go_data

    name = str(options.sgf) if options.sgf else options.data or app.presets[app.default_preset].data
    games, report = go_data.read_data(name)
    sizes = np.bincount(games.size)
    size = options.size or int(sizes.argmax())
    parts, left = go_data.choose(games, size, options.choice)
    splits = {}
    for split, part in parts.items():
        moves = len(go_data.positions(part, size, 1, False).inputs)
        splits[split] = {"games": len(part), "positions": moves}
    result: dict[str, Any] = {"data": name, "size": size, "files": report.files, "games": report.games}
    result |= {"bad": report.bad, "bad_reasons": report.reasons, "bad_games": report.named}
    result |= {"left_out": left, "splits": splits}
    result["sizes"] = {str(n): int(count) for n, count in enumerate(sizes) if count}
    text = _text(result)
    if not sum(split["games"] for split in splits.values()):
        raise UserError(f"{name}: no game of {size}x{size} is left; loosen --choice, or set --size")
    command = f"{app.prog} train --data {name} --size {size}"
    same = options.choice == PRESETS[DEFAULT].choice
    return Outcome(result, f"{text}\n\nnext: {command}{'' if same else ' and the same --choice'}")


def _text(result: dict[str, Any]) -> str:
    rows: list[list[object]] = [["files", result["files"]], ["games that can be used", result["games"]]]
    rows += [["bad games", result["bad"]]]
    rows += [[f"  {reason}", count] for reason, count in sorted(result["bad_reasons"].items(), key=lambda r: -r[1])]
    rows += [[f"of {size}x{size}", count] for size, count in result["sizes"].items()]
    rows += [[f"left out: {reason}", count] for reason, count in result["left_out"].items() if count]
    rows += [[f"{name}: games", split["games"]] for name, split in result["splits"].items()]
    rows += [[f"{name}: positions", split["positions"]] for name, split in result["splits"].items()]
    text = table(["games", Path(result["data"]).name], rows)
    bad = result["bad_games"]
    if bad:
        named = "\n".join(f"  {where}: {reason}" for where, reason in bad[:SHOWN])
        text += f"\n\nbad games:\n{named}" + (f"\n  and {result['bad'] - SHOWN} more" if len(bad) > SHOWN else "")
    return text

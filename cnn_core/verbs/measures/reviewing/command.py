"""review: the training samples whose labels the network believes least, as a list or a page; changes go to a copy."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.console import counted, note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError, first_line
from cnn_core.networks import pretrained
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser
from cnn_core.verbs.measures.jobs import On, engine
from cnn_core.verbs.measures.reviewing import changes, folds

if TYPE_CHECKING:
    from cnn_core.metrics.doubts import Doubts
    from cnn_core.runs import Run
    from cnn_core.training.data import Dataset

LOGITS = "logits"


@dataclass(frozen=True, kw_only=True)
class ReviewOptions(Shared):
    """Options of review."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    count: int = 200
    """How many samples to list; 0 lists all."""
    folds: int = 3
    """As many networks are trained, each on the other folds, so that none judges what it learned from; 0 asks the run's
    own network, at once."""
    page: bool = False
    """Show the samples on a page on 127.0.0.1, until Ctrl-C; decisions are written into the list as they are made."""
    port: int = 0
    """Port of the page; 0 takes a free one."""
    browser: bool = True
    """Open the page in the browser."""
    on: On = "here"
    """here: one fold after another; ray: side by side on this machine's cores, or on the cluster that RAY_ADDRESS
    names, --threads cores each."""
    again: bool = False
    """Train the networks of the folds anew, though an earlier review has kept their answers."""
    out: Path | None = None
    """The list; RUN/review/labels.csv when left out. Decisions that it holds already are kept."""


parse = parser(ReviewOptions, "Training samples sorted by how little the network believes their label.")


def run(app: App, options: ReviewOptions) -> Outcome:
    """Write the list, and serve the page where it is asked for."""
    if options.count < 0:
        raise UserError(f"--count must be at least 0, not {options.count}")
    if options.folds not in (0, *range(2, folds.MOST + 1)):
        raise UserError(f"--folds must be 0, or from 2 to {folds.MOST}, not {options.folds}")
    if not 0 <= options.port <= 65535:
        raise UserError(f"--port must lie between 0 and 65535, not {options.port}")

    from cnn_core import runs
    from cnn_core.metrics.doubts import doubts
    from cnn_core.training import device

    common = options.common
    trained = runs.restore(app, options.run, device.choose(common.device, common.threads))
    if trained.several_labels:
        raise UserError(f"{options.run}: tells several labels of a sample; review is for runs that tell one")
    whole = trained.app.load(trained.config)
    if whole.labels != trained.labels:
        raise UserError(f"{options.run}: the data {trained.config.data!r} have other classes now than when it learned")
    if not len(whole.train):
        raise UserError(f"{whole.name}: has no training samples to review")
    folder = options.run if options.run.is_dir() else Path("runs") / options.run.name
    out = options.out or folder / "review" / "labels.csv"
    earlier = _earlier(pretrained.place(options.run) / changes.KEPT, out)
    before = changes.applied(whole, kept_rows(pretrained.place(options.run)), f"{options.run}/{changes.KEPT}")
    logits = _logits(trained, before.source, options, folder / "review")
    found = doubts(logits.numpy(), before.source.train.targets.numpy())
    count = min(options.count or len(found.order), len(found.order))
    rows = listed(whole, before, found, found.order[:count].tolist(), earlier)
    changes.write(out, rows)
    outcome = _outcome(app, before.source, found, rows[:count], out)
    if not options.page:
        return outcome
    note(outcome.text)
    return _served(trained, whole, rows, count, out, options)


def kept_rows(run: Path) -> list[changes.Row]:
    """The changes that a run was trained with; none where it has none."""
    path = run / changes.KEPT
    return changes.read(path) if path.is_file() else []


def _earlier(*paths: Path) -> dict[int, changes.Row]:
    """The decided rows of lists by sample; a later list has the last word."""
    rows = [row for path in paths if path.is_file() for row in changes.read(path)]
    return {row.sample: row for row in rows if row.decision}


def listed(
    whole: Dataset, before: changes.Applied, found: Doubts, order: Sequence[int], earlier: dict[int, changes.Row]
) -> list[changes.Row]:
    """The samples `order` of the changed data as rows about the whole, with earlier decisions, those about others last.

    Labels are those of the whole, so that one list holds all changes.
    """
    rows = []
    for place in order:
        sample = before.sample(place)
        row = changes.Row(
            sample,
            changes.sample_digest(whole.train, sample),
            whole.label_of(whole.train.targets[sample]),
            f"{found.own[place]:.6f}",
            whole.labels[found.believed[place]],
            f"{found.probability[place]:.6f}",
        )
        known = earlier.get(sample)
        if known and known.digest == row.digest:
            row = replace(row, decision=known.decision, to=known.to)
        rows.append(row)
    there = {row.sample for row in rows}
    return rows + [row for sample, row in earlier.items() if sample not in there]


def _logits(trained: Run, source: Dataset, options: ReviewOptions, folder: Path) -> Any:
    """The answers, from an earlier review of the same samples and labels where there is one."""
    import hashlib
    import json

    if not options.folds:
        return folds.own_answers(trained, source).float().cpu()
    train = source.train
    digest = hashlib.sha256(json.dumps([trained.record, options.folds], sort_keys=True).encode())
    for values in (train.inputs, train.targets):
        for part in values.split(4096):
            digest.update(part.cpu().contiguous().numpy().tobytes())
    kept = folds.Kept(folder, digest.digest())
    if options.again:
        kept.drop("fold-")
    elif (known := kept.find(LOGITS)) is not None:
        return known
    note(f"{options.folds} networks learn from {counted(len(train), trained.app.what)}, each without one fold")
    rows = kept_rows(pretrained.place(options.run))
    load = partial(_relabelled, trained.app, trained.config, rows, f"{options.run}/{changes.KEPT}")
    with engine(options.on, options.common) as jobs:
        progress = not options.common.json
        logits = folds.out_of_fold(trained, source, options.folds, jobs, load, kept, progress=progress)
    kept.keep(LOGITS, logits)
    kept.drop("fold-")
    return logits


def _relabelled(app: App, config: Any, rows: list[changes.Row], name: str) -> Dataset:
    """The data of a run with the changes that it was trained with."""
    return changes.applied(app.load(config), rows, name).source


def _outcome(app: App, source: Dataset, found: Doubts, rows: Sequence[changes.Row], out: Path) -> Outcome:
    decided = sum(bool(row.decision) for row in rows)
    data = {"data": source.name, "samples": len(source.train), "estimated_errors": found.errors, "list": str(out)}
    data |= {"listed": len(rows), "decided": decided, "least_believed": [vars(row) for row in rows[:20]]}
    head = ["sample", "label", "believed to", "rather", "believed to", "decision"]
    shown = [[r.sample, r.label, f"{float(r.own):.2%}", r.believed, f"{float(r.probability):.2%}", r.decision]
             for r in rows[:20]]  # fmt: skip
    text = (
        f"{source.name}: about {found.errors:,} of {len(source.train):,} training labels are wrong (confident"
        f" learning)\n\n{table(head, shown)}\n\nlist: {out} ({counted(len(rows), 'sample')}, {decided} decided)\n"
        f"next: fill in the columns decision (keep, change, drop) and to, there or with --page; then"
        f" {app.prog} train ... --labels {out}"
    )
    return Outcome(data, text)


def _served(
    trained: Run, whole: Dataset, rows: Sequence[changes.Row], count: int, out: Path, options: ReviewOptions
) -> Outcome:
    from cnn_core.verbs.measures.reviewing.server import Server

    try:
        server = Server(trained.app, whole, rows, count, out, options.port)
    except OSError as error:
        raise UserError(f"port {options.port} on 127.0.0.1 cannot be used: {first_line(error)}") from error
    note(f"the page is at {server.url} until Ctrl-C")
    if options.browser:
        webbrowser.open(server.url)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            note("stopped")
    made = [row.decision for row in server.rows]
    counts = {name: made.count(name) for name in ("keep", "change", "drop")}
    told = ", ".join(f"{number} {name}" for name, number in counts.items())
    return Outcome({"list": str(out), **counts}, f"{told}\nnext: {trained.app.prog} train ... --labels {out}")

"""folds: k-fold cross-validation of a preset, with the linear models on the very same folds.

Of every fold's training texts, `fit.validation` are held out to choose the epoch where `fit.patience` asks for it; the
test fold is asked once, at the end.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core import bounded
from cnn_core.app import App
from cnn_core.config import to_json
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.files import write_json
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import FromPreset, parse_preset
from cnn_core.verbs.measures.jobs import Engine, Here, On, engine

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class FoldsOptions(FromPreset):
    """Options of folds beside the configuration."""

    k: int = 10
    """Number of folds."""
    first: int = 0
    """First fold to train."""
    most: int = 0
    """How many folds to train; 0 trains all."""
    linear: bool = True
    """Train the linear models too."""
    out: Path | None = None
    """Folder that keeps what each fold gave; named again, the folds that it has are not trained again."""
    on: On = "here"
    """here: one fold after another; ray: side by side on this machine's cores, or on the cluster that RAY_ADDRESS
    names, --threads cores each."""


def parse(app: App, prog: str, args: Sequence[str]) -> Any:
    """Options whose defaults are those of the preset that --preset names."""
    about = "Cross-validation: stratified, shuffled folds; equal texts in one fold; beside linear models."
    return parse_preset(FoldsOptions, app, prog, args, about)


def run(app: App, options: Any) -> Outcome:
    """Mean and standard deviation over the folds."""
    if app.several_labels(options.config):
        raise UserError("folds compares answers of one class a text; measure several labels with evaluate")

    if options.k < 2 or not 0 <= options.first < options.k or options.most < 0:
        raise UserError("--k must be at least 2, --first one of the folds, --most at least 0")

    import numpy as np

    from apps.text.verbs.report import LEAD, lead
    from cnn_core import benchmark
    from cnn_core.metrics.classes import paired
    from cnn_core.training import device
    from cnn_core.verbs.train import with_absolute_paths

    common = replace(options.common, device="cpu")
    device.choose("cpu", common.threads)
    config = with_absolute_paths(options.config, app.paths)
    last = min(options.k, options.first + (options.most or options.k))
    rows, right = [], {}
    with engine(options.on, common) as jobs:
        asked = (app, config, options.k, range(options.first, last), common.seed, options.linear)
        for row, answers in fold_rows(*asked, jobs, options.out):
            rows.append(row)
            for name, each in answers.items():
                right.setdefault(name, []).append(each)
            note(", ".join(f"{name} {value:.4g}" for name, value in row.items()))
    rows.sort(key=lambda row: row["fold"])
    names = [name for name in rows[0] if name not in ("fold", "test_texts", "cpu_seconds")]
    summed = {name: benchmark.summary([row[name] for row in rows]) for name in names}
    cpu = benchmark.summary([row["cpu_seconds"] for row in rows])
    whole = {name: np.concatenate(parts) for name, parts in right.items()}
    pairs = {name: paired(whole["network"], answers) for name, answers in whole.items() if name != "network"}
    lines = [[name, found.format(2, 100), "", *lead(pairs.get(name))] for name, found in summed.items()]
    lines[0][2] = cpu.format(1)
    head = ["model", "test accuracy, %, mean ± sd of folds", "CPU-seconds a fold"]
    text = table([*head, *(LEAD if pairs else ("", ""))], lines)
    data = {"preset": options.preset or app.default_preset, "data": options.config.data, "k": options.k, "rows": rows}
    data["mean"] = {name: vars(found) for name, found in summed.items()}
    data["paired"] = {name: vars(pair) for name, pair in pairs.items()}
    return Outcome(data, text)


def fold_rows(
    app: App,
    config: Any,
    k: int,
    folds: Sequence[int],
    seed: int,
    linear: bool = True,
    jobs: Engine | None = None,
    kept: Path | None = None,
) -> Iterator[tuple[dict[str, float], dict[str, np.ndarray]]]:
    """For each fold, as they end: (its number, texts, CPU-seconds and the test accuracy of the network and the linear
    models; which test texts each of them got right). What the folder `kept` has is not trained again."""
    import numpy as np

    def path_of(fold: int) -> Path | None:
        what = json.dumps([app.name, to_json(config), k, fold, seed, linear], sort_keys=True)
        return kept / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.json" if kept else None

    missing = []
    for fold in folds:
        path = path_of(fold)
        if path and path.is_file():
            found = bounded.read_json(path, regular=True)
            try:
                yield found["row"], {name: np.array(each, bool) for name, each in found["right"].items()}
            except (KeyError, TypeError, AttributeError) as error:
                raise UserError(f"{path}: damaged; remove it, and the fold is trained again") from error
        else:
            missing.append(fold)
    asked = ((str(fold), (app, config, k, fold, seed, linear)) for fold in missing)
    with closing((jobs or Here("cpu")).results(one_fold, asked)) as results:
        for name, (row, right) in results:
            if path := path_of(int(name)):
                write_json(path, {"row": row, "right": {name: each.tolist() for name, each in right.items()}})
            yield row, right


def one_fold(
    app: App, config: Any, k: int, fold: int, seed: int, linear: bool
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """A fold's row and right answers, see `fold_rows`."""
    from apps.text.baselines import compare
    from apps.text.words.ragged import TextSplit
    from cnn_core.training import engine

    chosen = replace(config, texts=replace(config.texts, folds=k, fold=fold))
    source = app.load(chosen)
    model, fitted = fit_once(app, chosen, source, seed)
    forward = app.with_fitted(source.fitted).forward_of(chosen)
    logits = engine.predict_logits(model, source.test, precision=config.fit.precision, forward=forward)
    truth = source.test.targets.numpy()
    right = {"network": logits.numpy().argmax(1) == truth}
    row = {"fold": fold, "test_texts": len(source.test), "cpu_seconds": fitted.cpu_seconds}
    row["network"] = float(right["network"].mean())
    if linear:
        vocabulary = source.fitted.vocabulary
        assert isinstance(source.train, TextSplit)
        assert isinstance(source.test, TextSplit)
        train, test = ([vocabulary.words_of(t) for t in split.texts] for split in (source.train, source.test))
        found = compare(train, source.train.targets.numpy(), test, source.test.targets.numpy())
        row |= {each.name: each.accuracy for each in found}
        right |= {each.name: each.predictions == truth for each in found}
    return row, right


def fit_once(app: App, config: Any, source: Any, seed: int) -> tuple[Any, Any]:
    """(model, how it went): one training run as `train` does it, kept in a temporary folder."""
    from apps.text.model import step
    from cnn_core import runs
    from cnn_core.training import engine

    train, validation = source.train, source.validation
    if validation is None and config.fit.validation:
        train, validation = train.hold_out(config.fit.validation, seed)
    model = runs.build_seeded(app, config, source.labels, seed, source.fitted)
    with tempfile.TemporaryDirectory() as folder:  # the best epoch is read back from there
        place = Path(folder) if config.fit.patience else None
        fitted = engine.fit(
            model,
            train,
            config.fit,
            validation=validation,
            step=step(config),
            seed=seed,
            run=place,
            record={"app": app.name},
            progress=False,
        )
    return model, fitted

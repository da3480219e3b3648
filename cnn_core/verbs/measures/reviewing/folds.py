"""What networks say of training samples that they did not learn from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.verbs.measures.jobs import Engine, Here, Replicated

if TYPE_CHECKING:
    from torch import Tensor

    from cnn_core.runs import Run
    from cnn_core.training.data import Dataset

MOST = 20


def own_answers(run: Run, source: Dataset) -> Tensor:
    """Logits (N, C) of `source.train` by the run's own network, which has learned from most of them."""
    from cnn_core.training import engine

    forward = run.app.with_fitted(source.fitted).forward_of(run.config)
    return engine.predict_logits(run.model, source.train.plain(), precision=run.config.fit.precision, forward=forward)


def out_of_fold(
    run: Run,
    source: Dataset,
    count: int,
    jobs: Engine,
    load: Callable[[], Dataset],
    kept: Kept,
    *,
    progress: bool = True,
) -> Tensor:
    """Logits (N, C) of `source.train`, each sample's by one of `count` networks that learned from the other folds.

    The networks are trained as the run was, by `jobs`; samples that belong together share a fold. `load` gives `source`
    in another process. What a fold said is `kept` as it comes. Raises UserError where the samples are too few.
    """
    import torch

    train, seed = source.train, run.record["seed"]
    fold_of = _fold_of(source, count, seed)
    for k in range(count):
        rest, held = fold_of != k, fold_of == k
        lost = {*train.targets[held].tolist()} - {*train.targets[rest].tolist()}
        if lost:
            label = source.labels[min(lost)]
            raise UserError(f"{source.name}: the class {label!r} has too few samples for folds; take --folds 0")
    said = {k: logits for k in range(count) if (logits := kept.find(f"fold-{k}")) is not None}
    if said:
        note(f"{len(said)} of {count} folds are there")
    data = Replicated(kept.key.hex(), load, source)
    quiet = not progress or not isinstance(jobs, Here)
    given = (data, run.app, run.config, seed, count)
    asked = ((f"fold {k}", (*given, k, jobs.device, not quiet)) for k in range(count) if k not in said)
    with closing(jobs.results(answers, asked)) as results:
        for name, logits in results:
            k = int(name.removeprefix("fold "))
            said[k] = torch.from_numpy(logits.copy())  # what Ray gives is read-only
            kept.keep(f"fold-{k}", said[k])
            if progress:
                note(f"{len(said)} of {count} folds")
    logits = torch.zeros(len(train), len(source.labels))
    for k in range(count):
        logits[fold_of == k] = said[k]
    return logits


def answers(
    data: Replicated[Dataset], app: App, config: Any, seed: int, count: int, k: int, on: str, progress: bool
) -> Any:
    """Train without fold `k` of `count`; logits (M, C) of the samples in it, a NumPy array."""
    from cnn_core import runs
    from cnn_core.training import device, engine

    source = data.get()
    known = app.with_fitted(source.fitted)
    fold_of = _fold_of(source, count, seed)
    rest, held = (fold_of != k).nonzero()[:, 0], (fold_of == k).nonzero()[:, 0]
    fit = replace(config.fit, validation=0.0, patience=0)  # no fold chooses its own end
    model = runs.build_seeded(app, config, source.labels, seed, source.fitted).to(device.choose(on))
    step = known.step(config) if known.step else None
    engine.fit(model, source.train.subset(rest), fit, step=step, seed=seed, progress=progress)
    asked = {"precision": fit.precision, "forward": known.forward_of(config)}
    return engine.predict_logits(model.eval(), source.train.subset(held).plain(), **asked).float().cpu().numpy()


def _fold_of(source: Dataset, count: int, seed: int) -> Tensor:
    import torch

    from cnn_core.training.holdout import folds

    train = source.train
    return torch.from_numpy(folds(train.strata().numpy(), count, seed + 1, train.groups()))


class Kept:
    """Answers in a folder, valid for one `key` (32 bytes): same run, same samples, same labels."""

    def __init__(self, folder: Path, key: bytes):
        self.folder, self.key = folder, key

    def find(self, name: str) -> Tensor | None:
        """The logits of that name, None where there are none for this key."""
        import torch

        from cnn_core.fetching import decoded

        path = self._path(name)
        arrays = decoded.load(path) if path.is_file() else None
        if not arrays or not {"key", "logits"} <= arrays.keys() or arrays["key"].tobytes() != self.key:
            return None
        return torch.from_numpy(arrays["logits"])

    def keep(self, name: str, logits: Tensor) -> None:
        """Write them."""
        import numpy as np

        from cnn_core.fetching import decoded

        key = np.frombuffer(self.key, np.uint8)
        decoded.save(self._path(name), {"logits": logits.numpy(), "key": key})

    def drop(self, start: str) -> None:
        """Remove those whose names begin so."""
        for path in self.folder.glob(f"{start}*"):
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

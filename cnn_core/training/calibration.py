"""How sure a trained network may be: a temperature, and what its inputs usually look like to it.

Fitted at the end of a training on samples that it did not learn from, and kept in the run folder:

    calibration.json          temperature, errors before and after, levels of confidence and of unlikeness
    calibration.safetensors   last features of some training samples, of length 1

One temperature makes probabilities true on average (Guo et al. 2017): label smoothing makes them too low, long training
too high. It says nothing about inputs that are of no class; for these there is the unlikeness: 1 less the mean cosine
of the input's last features to the nearest of the bank (Sun et al. 2022, with fewer neighbours and a smaller bank).
Letters: N samples, C classes, F features, M samples of the bank.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cnn_core import bounded
from cnn_core.config import to_json
from cnn_core.console import note
from cnn_core.errors import UserError, first_line
from cnn_core.files import atomic, write_json
from cnn_core.metrics.classes import calibration_of, log_softmax
from cnn_core.metrics.labels import best_thresholds
from cnn_core.metrics.limits import JSON, LEVELS, TENSORS, Calibration, read_calibration
from cnn_core.nn.compact import compact, expanded
from cnn_core.training.data import Dataset, Split, evenly
from cnn_core.training.holdout import folds
from cnn_core.training.inference import Forward, call, in_order, predict_logits
from cnn_core.training.recipe import FitConfig

LEAST, MOST_SHARE = 200, 0.2
"""Of the training samples so many are held out at least; where that is more than a fifth, folds take the place."""
FEWEST = 40  # samples on which a temperature can be fitted at all
FOLDS = 3
ENOUGH = 10_000  # held-out samples beyond which nothing is gained
BANK, NEIGHBOURS = 1000, 3
MOST = 65_504.0  # the largest float16


def held_out_for_calibration(train: Split, share: float, seed: int) -> tuple[Split, Split | None]:
    """(rest, held out) of the training samples; nothing is held out where there are too few (see `fit_by_folds`)."""
    count = len(train)
    share = max(share, LEAST / max(count, 1))
    if share > MOST_SHARE:
        return train, None
    try:
        rest, held = train.hold_out(share, seed + 1)
    except UserError:
        return train, None
    return (rest, held) if _has_all_classes(rest, train) else (train, None)


def parts_of(source: Dataset, fit: FitConfig, seed: int) -> tuple[Split, Split | None, Split | None]:
    """(samples to learn from, to watch the training with, to calibrate on) of a data set, as `fit` divides them.

    The second and third may be the same; the third is None without calibration, and where folds take its place.
    """
    train, validation = source.train, source.validation
    if validation is None and fit.validation:
        train, validation = train.hold_out(fit.validation, seed)
    held = validation  # a sample of it may have chosen the epoch, which does the temperature no harm
    if held is None and fit.calibration:
        train, held = held_out_for_calibration(train, fit.calibration, seed)
    return train, validation, held


def _has_all_classes(part: Split, whole: Split) -> bool:
    return whole.targets.dim() == 2 or len(part.targets.unique()) == len(whole.targets.unique())


def fit_by_folds(
    trained: Callable[[Split], nn.Module],
    train: Split,
    seed: int,
    what: str,
    *,
    precision: str = "auto",
    forward: Forward = call,
) -> Calibration | None:
    """The calibration that other networks have on samples that they did not learn from, for one that learned from all.

    `trained` gives a network that has learned from a split; it is called three times, with two thirds of the samples
    each. None, with a note why, where the samples are too few or a class has one alone.
    """
    count = len(train)
    try:
        if count < FEWEST:
            raise UserError("too few")
        fold_of = torch.from_numpy(folds(train.strata().numpy(), FOLDS, seed + 1, train.groups()))
        parts = [(train.subset((fold_of != k).nonzero()[:, 0]), train.subset((fold_of == k).nonzero()[:, 0]))
                 for k in range(FOLDS)]  # fmt: skip
        if not all(_has_all_classes(rest, train) for rest, _ in parts):
            raise UserError("a class has one sample")
    except UserError:
        note(f"probabilities are not calibrated: {count} {what}s, or those of a class, are too few to hold some out")
        return None
    note(
        f"calibrating on {FOLDS} folds: {count} {what}s are too few to hold some out, so {FOLDS} more networks are"
        " trained on two thirds of them each"
    )
    seen = []
    for rest, held in parts:
        model = trained(rest)
        seen.append(_held_answers(model, bank_of(model, rest, precision, forward), held, precision, forward))
    logits, targets = torch.cat([each[0] for each in seen]), torch.cat([each[1] for each in seen])
    told = [each[2] for each in seen if each[2] is not None]
    return _calibration(logits, targets, torch.cat(told) if len(told) == len(seen) else None)


def _held_answers(
    model: nn.Module, bank: Tensor | None, held: Split, precision: str, forward: Forward
) -> tuple[Tensor, Tensor, Tensor | None]:
    """(logits, targets, unlikeness) of the held-out samples."""
    look = None if bank is None else partial(unlikeness_of, bank=bank)
    logits, unlikeness = watched_logits(model, held.plain(), look, precision=precision, forward=forward)
    return logits, held.targets.cpu(), unlikeness


def temperature_of(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature at which the negative log-likelihood of `logits` (N, C) is lowest, .05 to 20.

    The likelihood has one maximum in 1 / T, found by bisection of its derivative. One sample more, taken
    for wrong, keeps it inside where all answers are right: N right answers do not say that the next one is (Laplace).
    It is the narrowest but for a twentieth, for a single doubtful answer among right ones would cost nothing.
    """
    scores = np.asarray(logits, np.float64)
    scores = np.where(np.isfinite(scores), scores, -1e9)
    ranked = np.sort(scores, axis=1)
    narrow = int(np.argsort(ranked[:, -1] - ranked[:, -2], kind="stable")[len(scores) // 20])
    second = int(np.argsort(scores[narrow])[-2])
    scores, targets = np.concatenate([scores, scores[narrow : narrow + 1]]), np.append(targets, second)
    own = scores[np.arange(len(targets)), targets]

    def slope(inverse: float) -> float:  # of the negative log-likelihood with respect to 1 / T
        p = np.exp(log_softmax(scores * inverse))
        return float(((p * scores).sum(1) - own).mean())

    low, high = 0.05, 20.0
    if slope(low) >= 0:
        return 1 / low
    if slope(high) <= 0:
        return 1 / high
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return float(1 / (low * high) ** 0.5)


def last_dense(model: nn.Module) -> nn.Linear | None:
    """The network's last dense layer, whose input are its last features; None where there is none."""
    found = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return found[-1] if found else None


def features_of(model: nn.Module, layer: nn.Linear, answer: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    """(what `answer` gives, the last features (B, F) of length 1 that went into `layer` meanwhile)."""
    given: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    try:
        output = answer()
    finally:
        handle.remove()
    return output, functional.normalize(given[-1].flatten(1).float(), dim=1)


def unlikeness_of(features: Tensor, bank: Tensor) -> Tensor:
    """(B, F) of length 1 and the bank (M, F) -> (B,): 0 for a sample of the bank, up to 2."""
    return 1 - (features @ bank.T.to(features)).topk(min(NEIGHBOURS, len(bank)), dim=1).values.mean(1)


def watched_logits(
    model: nn.Module,
    inputs: Tensor | Split,
    look: Callable[[Tensor], Tensor] | None,
    *,
    precision: str = "auto",
    forward: Forward = call,
) -> tuple[Tensor, Tensor | None]:
    """(logits (N, C), what `look` makes of the last features) of inputs or of a split, in one pass.

    `look` takes the features (B, F) of a batch, of length 1. Without it, and where the network has no last dense layer,
    nothing is looked at.
    """
    layer, seen = last_dense(model), []

    def watched(model: nn.Module, batch: Tensor) -> Tensor:
        if layer is None or look is None:
            return forward(model, batch)
        logits, features = features_of(model, layer, lambda: forward(model, batch))
        with torch.autocast(features.device.type, enabled=False):  # cosines near 1 need all their digits
            seen.append(look(features).cpu())
        return logits

    logits = predict_logits(model, inputs, precision=precision, forward=watched)
    return logits, in_order(torch.cat(seen), inputs) if seen else None


def fit(
    model: nn.Module, train: Split, held: Split, *, precision: str = "auto", forward: Forward = call
) -> tuple[Calibration, Tensor | None]:
    """The calibration of `model` on `held`, and the bank of training features (M, F), as 8 bits keep it."""
    held = held.subset(evenly(len(held), ENOUGH))
    bank = bank_of(model, train, precision, forward)
    return _calibration(*_held_answers(model, bank, held, precision, forward)), bank


def bank_of(model: nn.Module, train: Split, precision: str = "auto", forward: Forward = call) -> Tensor | None:
    """Features (M, F) of some training samples, as 8 bits keep them.

    None for a network without a last dense layer, and for features beyond what the scales of 8 bits, float16, can hold.
    """
    some = train.subset(evenly(len(train), BANK)).plain()
    _, bank = watched_logits(model, some, lambda features: features, precision=precision, forward=forward)
    if bank is None or not bool((bank.abs() <= MOST).all()):  # of a training that ran away: no neighbourhood
        return None
    return expanded(compact({"bank": bank}, ("bank",)))["bank"]


def _calibration(logits: Tensor, held: Tensor, unlikeness: Tensor | None) -> Calibration:
    targets = held.numpy()
    levels = () if unlikeness is None else _levels(unlikeness.numpy())
    if targets.ndim == 2:
        thresholds = best_thresholds(logits.double().sigmoid().numpy(), targets > 0)
        return Calibration(samples=len(targets), thresholds=tuple(thresholds.tolist()), unlikeness=levels)
    temperature = temperature_of(logits.numpy(), targets)
    before, after = (calibration_of(logits.numpy() / t, targets) for t in (1.0, temperature))
    confidence = np.exp(log_softmax(logits.numpy() / temperature).max(1))
    errors = before.error, after.error
    return Calibration(temperature, len(targets), *errors, _levels(confidence), unlikeness=levels)


def _levels(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(v) for v in np.percentile(values, np.linspace(0, 100, LEVELS)))


def save(folder: Path, found: Calibration, bank: Tensor | None) -> None:
    """Write both files into a run folder. Raises UserError where the disk refuses."""
    from safetensors.torch import save_file

    if bank is not None:
        with atomic(folder / TENSORS) as part:
            save_file(compact({"bank": bank}, ("bank",)), part)
    write_json(folder / JSON, to_json(found))


def remove(folder: Path) -> None:
    """Forget the calibration of a run that is trained further."""
    for name in (JSON, TENSORS):
        (folder / name).unlink(missing_ok=True)


def load(folder: Path) -> tuple[Calibration, Tensor | None]:
    """What `save` wrote; UNCALIBRATED for a run without it. Raises UserError for damaged files."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    found = read_calibration(folder)
    bank = None
    if found.unlikeness:
        try:
            bounded.check_regular(folder / TENSORS)
            bank = expanded(load_file(folder / TENSORS))["bank"]
        except (OSError, SafetensorError, KeyError) as error:
            raise UserError(f"{folder / TENSORS}: damaged; train again ({first_line(error)})") from error
        if bank.dim() != 2 or not bool(bank.isfinite().all()):
            raise UserError(f"{folder / TENSORS}: damaged; train again")
    return found, bank

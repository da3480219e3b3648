"""Successive halving (Jamieson & Talwalkar 2016, arXiv:1502.07943): many settings get little training, few get much.

A bracket draws settings, trains each with a ninth of the samples that the preset's own training sees, the better third
of them with a third, and the best with all. Every training is whole, with a schedule of its own, from the start.
Brackets follow one another, with new settings, until the time is used up (Hyperband, Li et al. 2018, arXiv:1603.06560,
would also vary how soon is halved).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cnn_core.config import changed
from cnn_core.verbs.measures.tuning.ranges import Ranges, value_of

ETA = 3
RUNGS = 3
WIDTH = ETA ** (RUNGS - 1)
"""Settings of a bracket; its cost is RUNGS trainings with the whole resource."""
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """Settings, trained with a share of the preset's samples, and what they reached on the samples held out."""

    settings: Settings
    share: float
    score: float
    accuracy: float
    loss: float
    seconds: float


Train = Callable[[list[Settings], float], list[Trial]]
"""train(settings of a rung, share) -> a Trial each, in their order; fewer where the time ends among them. Remembered by
content, so that a search that was stopped goes on."""


def drawn(ranges: Ranges, preset: Any, seed: int, number: int) -> Settings:
    """Settings number `number`, the same for the same seed; number 0 is the preset itself."""
    if number == 0:
        return {}
    source = random.Random(f"{seed} {number}")
    return {name: each.draw(value_of(preset, name), source) for name, each in sorted(ranges.items())}


def bracket(first: int, top: float, draw: Callable[[int], Settings], train: Train, slots: int = 1) -> int:
    """One bracket whose best trials have the share `top`; the number of the next settings.

    `slots` trainings go on at a time, and so the bracket is as many times as wide: as many end in its last rung. It
    ends where `train` gives fewer trials than it was asked for.
    """
    width = WIDTH * slots
    alive = [draw(first + place) for place in range(width)]
    for rung in range(RUNGS):
        found = train(alive, top / ETA ** (RUNGS - 1 - rung))
        if len(found) < len(alive):
            break
        found.sort(key=lambda trial: -trial.score)  # stable: of equal ones the earlier
        alive = [trial.settings for trial in found[: max(len(found) // ETA, 1)]]
    return first + width


def best(trials: list[Trial]) -> Trial:
    """The best of those that had the most training."""
    most = max(trial.share for trial in trials)
    return max((trial for trial in trials if trial.share == most), key=lambda trial: trial.score)


def shortened(config: Any, share: float, samples: int) -> Any:
    """The configuration of a training that sees `share` of the samples that this one would; nothing is calibrated."""
    from cnn_core.training.recipe import for_samples

    fit = replace(config.fit, validation=0.0, patience=0, calibration=0.0)
    part = fit.epoch_samples or samples
    seen = max(for_samples(fit, part).epochs * part * share, fit.batch_size)
    epochs = max(round(seen / part), 1)
    once = min(part, max(round(seen / epochs), 1))
    settings = {"fit.epochs": epochs, "fit.least_steps": 0, "fit.epoch_samples": once if once < samples else 0}
    return changed(replace(config, fit=fit), settings)

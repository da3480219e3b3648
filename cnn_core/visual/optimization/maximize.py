"""x* = argmax a(x) - penalties: the input that excites a unit most, by gradient ascent with frozen weights.

Letters: U units (objectives), n optima of each, B = U * n samples, S steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import torch
from torch import Tensor, nn

from cnn_core import console
from cnn_core.errors import UserError
from cnn_core.visual.fast.cache import remember
from cnn_core.visual.fast.threads import fitting_threads
from cnn_core.visual.modules.subject import Reading, device_and_dtype, opened, unwrapped
from cnn_core.visual.optimization.ascent import RULES
from cnn_core.visual.optimization.canvas import Canvas
from cnn_core.visual.optimization.dead_units import Waker
from cnn_core.visual.optimization.notation import as_objectives
from cnn_core.visual.optimization.objectives import Objective, diversity
from cnn_core.visual.optimization.penalties import Penalty
from cnn_core.visual.optimization.scoring import scoring, scoring_beside
from cnn_core.visual.optimization.transforms import Transform

if TYPE_CHECKING:
    from tqdm import tqdm

Watch = Callable[[int, Tensor, Tensor], None]


@dataclass(frozen=True)
class Optima:
    """What `optimize` found; sample b is optimum b % n of unit b // n.

    Attributes:
        inputs: (B, ...) the inputs x*, valid for the model.
        before: (B,) the objectives at the start, without penalties and transforms.
        after: (B,) the same for `inputs`.
        history: (S, B) the objectives on the way, as the ascent saw them (transforms included).

    """

    inputs: Tensor
    before: Tensor
    after: Tensor
    history: Tensor


def optimize(
    model: nn.Module,
    objectives: Objective | str | Sequence[Objective | str],
    canvas: Canvas,
    *,
    steps: int = 128,
    rate: float = 0.05,
    penalties: Sequence[Penalty] = (),
    transforms: Sequence[Transform] = (),
    rule: str = "adam",
    copies: int = 1,
    variety: float = 0.0,
    chunk: int = 64,
    seed: int = 0,
    watch: Watch | None = None,
    progress: bool = False,
    cache: bool = False,
    **reading: Unpack[Reading],
) -> Optima:
    """Optimise many units in one batch; each as if it were alone.

    Sample b climbs objective b only. All units start from the same noise and see the same transforms, so what is
    found for a unit does not depend on the company it is computed in (up to rounding). A unit that does not react
    to the start at all (zero behind a ReLU everywhere) is led by gradients through leaky ReLUs until it does.

    Args:
        model: any module; its mode, weights and buffers are left alone, and it runs in eval semantics.
        objectives: one, or a list; see `objectives`. Short forms such as "conv2:7" do as well, see `notation`.
        canvas: what is optimised; see `canvas`.
        steps: of the ascent.
        rate: step size, in the canvas' units.
        penalties: subtracted from every objective.
        transforms: applied to the input before every step.
        rule: "adam" or "plain" (normalised gradient).
        copies: optima of each unit, from different starts.
        variety: weight of the diversity between the copies of a unit, in the layer that the objective looks at,
            relative to the objective's size (try 1).
        chunk: samples in one pass, at most; rounded to whole units.
        seed: of starts and transforms; torch's global generator is not used.
        watch: called as watch(step, inputs, values) after every step of every chunk.
        progress: show a bar.
        cache: keep the result on disk and give it back at once when the same is asked again.
        **reading: axes of layers, extra inputs, the part of the output; see `Reading`.

    Raises:
        UserError: unknown layer, unit out of range, an input too small for the layer, an unknown rule, or values
            that are not numbers on the way.

    """
    terms = as_objectives(objectives)
    if not terms or copies < 1 or steps < 1 or chunk < 1:
        raise UserError("optimize needs an objective, and copies, steps and chunk of at least 1")
    if rule not in RULES:
        raise UserError(f"rule must be one of {', '.join(RULES)}, not {rule!r}")
    if variety and copies == 1:
        raise UserError("variety compares the copies of a unit: ask for copies of at least 2")

    def compute() -> dict[str, Tensor]:
        with opened(model, reading) as subject:
            return climbed(subject)

    def climbed(subject: nn.Module) -> dict[str, Tensor]:
        per_pass = max(1, chunk // copies)
        groups = [terms[first : first + per_pass] for first in range(0, len(terms), per_pass)]
        bar = _bar(len(groups) * steps, progress)
        parts = []
        try:
            for group in groups:
                climb = _Climb(subject, group, canvas, copies, variety, torch.Generator().manual_seed(seed))
                parts.append(climb.run(steps, rate, rule, penalties, transforms, watch, bar))
        finally:
            if bar is not None:
                bar.close()
        return {
            "inputs": torch.cat([part.inputs for part in parts]),
            "before": torch.cat([part.before for part in parts]),
            "after": torch.cat([part.after for part in parts]),
            "history": torch.cat([part.history for part in parts], dim=1),
        }

    if not cache or watch is not None:
        return Optima(**compute())
    asked = (
        terms,
        canvas,
        steps,
        rate,
        tuple(penalties),
        tuple(transforms),
        rule,
        copies,
        variety,
        seed,
        dict(reading),
    )
    return Optima(**remember("optimize", unwrapped(model), asked, compute))


def _bar(total: int, show: bool) -> tqdm | None:
    if not show:
        return None
    return console.progress("optima", total=total)


class _Climb:
    """One chunk: parameters, random numbers and the objectives of its samples."""

    def __init__(
        self,
        model: nn.Module,
        units: Sequence[Objective],
        canvas: Canvas,
        copies: int,
        variety: float,
        generator: torch.Generator,
    ):
        device, dtype = device_and_dtype(model)
        self.model, self.canvas, self.generator, self.variety = model, canvas, generator, variety
        owners = [u for u in range(len(units)) for _ in range(copies)]
        self.objectives = [units[u] for u in owners]
        self.apart = [diversity(units[u].layers[-1], u) for u in owners] if variety else []
        # The same starts for every unit: what is found for one does not depend on the others.
        self.parameters = [
            start.repeat(len(units), *(1,) * (start.dim() - 1)).to(device, dtype).requires_grad_()
            for start in canvas.start(copies, generator)
        ]

    def run(
        self,
        steps: int,
        rate: float,
        rule: str,
        penalties: Sequence[Penalty],
        transforms: Sequence[Transform],
        watch: Watch | None,
        bar: tqdm | None,
    ) -> Optima:
        climber = RULES[rule](self.parameters, rate)
        history = []
        with ExitStack() as stack:
            score = stack.enter_context(self._scores())
            waker = Waker(self.model, self.objectives, self.canvas, self.parameters, stack)
            before = self._measure(score, 0.0, 0, rate)
            for step in range(steps):
                x = self.canvas.render(self.parameters, step / steps)
                moved = x
                for transform in transforms:
                    moved = transform(moved, self.generator)
                values, apart = score(moved)
                _check(values, step, rate)
                goal = values.sum() - sum(penalty(x).sum() for penalty in penalties)
                if apart is not None:
                    # Likeness lies in -1..1, activations have any size: weigh it in units of the activation.
                    goal = goal + self.variety * values.detach().abs().mean() * apart.sum()
                climber.step(waker(torch.autograd.grad(goal, self.parameters), step, step / steps))
                history.append(values.detach())
                if watch is not None:
                    watch(step, x.detach(), values.detach())
                if bar is not None:
                    bar.update()
            after = self._measure(score, 1.0, steps, rate)
        with torch.no_grad():
            inputs = self.canvas.render(self.parameters, 1.0).detach().clone()
        return Optima(inputs, before, after, torch.stack(history))

    @contextmanager
    def _scores(self) -> Iterator[Callable[[Tensor], tuple[Tensor, Tensor | None]]]:
        with torch.no_grad():
            start = self.canvas.render(self.parameters, 0.0).detach()
        with ExitStack() as stack:
            stack.enter_context(fitting_threads(self.model, start))
            if self.apart:
                yield stack.enter_context(scoring_beside(self.model, self.objectives, self.apart, start[:1]))
            else:
                score = stack.enter_context(scoring(self.model, self.objectives, start[:1]))
                yield lambda x: (score(x), None)

    def _measure(
        self, score: Callable[[Tensor], tuple[Tensor, Tensor | None]], done: float, step: int, rate: float
    ) -> Tensor:
        with torch.no_grad():
            values = score(self.canvas.render(self.parameters, done))[0].clone()
        _check(values, step, rate)
        return values


def _check(values: Tensor, step: int, rate: float) -> None:
    good = torch.isfinite(values)
    if not bool(good.all()):
        where = ", ".join(str(b) for b in (~good).nonzero().flatten().tolist()[:5])
        raise UserError(
            f"the ascent met a value that is not a number at step {step} (sample {where}): "
            f"lower the rate (now {rate:g}) or the penalties, and check the model's weights"
        )

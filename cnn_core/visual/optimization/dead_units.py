"""Lead units that do not react to the start at all: where every path ends behind a ReLU, ascent has no gradient.

Letters: B samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from cnn_core.visual.attribution.relu import leaky_relu
from cnn_core.visual.modules.activations import Run, tapped_and_tried
from cnn_core.visual.optimization.canvas import Canvas
from cnn_core.visual.optimization.objectives import Objective, bind, shapeless

EVERY = 4  # steps that one leaky gradient serves; it changes little, and costs a pass of the whole forward part


class Waker:
    """Gradients through leaky ReLUs for samples whose own gradient is zero, until they have once had another.

    Who has been awake is left alone later on, and the steps at which it looks are fixed: what is found for a unit
    must not depend on who else sleeps.
    """

    def __init__(
        self,
        model: nn.Module,
        objectives: Sequence[Objective],
        canvas: Canvas,
        parameters: Sequence[Tensor],
        stack: ExitStack,
    ):
        self.model, self.objectives, self.canvas, self.parameters = model, objectives, canvas, parameters
        self.stack = stack  # closes the tap at the end of the ascent
        self.asleep = torch.ones(len(objectives), dtype=torch.bool, device=parameters[0].device)
        self.done = False
        self.tap: tuple[Run, dict[str, Tensor]] | None = None
        self.ways = [torch.zeros_like(p) for p in parameters]

    def __call__(self, gradients: Sequence[Tensor], step: int, part: float) -> Sequence[Tensor]:
        """The gradients of the parameters (B, ...), with those of sleepers replaced; `part` as in Canvas.render."""
        if self.done:
            return gradients
        self.asleep &= ~torch.stack([g.flatten(1).any(1) for g in gradients]).any(0)
        rows = self.asleep.nonzero().flatten()
        self.done = len(rows) == 0
        if self.done:
            return gradients
        if step % EVERY == 0:
            self._look(rows, part)
        return [g.index_copy(0, rows, way[rows]) for g, way in zip(gradients, self.ways, strict=True)]

    def _look(self, rows: Tensor, part: float) -> None:
        asleep = [self.objectives[row] for row in rows.tolist()]
        parameters = [p.detach()[rows].requires_grad_() for p in self.parameters]
        x = self.canvas.render(parameters, part)
        if self.tap is None:
            layers = list(dict.fromkeys(layer for objective in asleep for layer in objective.layers))
            self.tap = self.stack.enter_context(
                tapped_and_tried(self.model, layers, x[:1].detach(), as_given=shapeless(asleep))
            )
        run, given = self.tap
        with leaky_relu():
            found = torch.autograd.grad(bind(asleep, given)(run(x)).sum(), parameters)
        for way, one in zip(self.ways, found, strict=True):
            way[rows] = one

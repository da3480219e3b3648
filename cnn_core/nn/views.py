"""One answer from several views of an input: a network that is asked more than once.

    averaged = AveragedViews(network, [mirrored, unchanged])

Letters: B batch, K classes.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Back = Callable[[Tensor], Tensor]
"""Probabilities (B, K) for a view of the inputs -> probabilities (B, K) for the inputs themselves."""
View = Callable[[Tensor], tuple[Tensor, Back]]
"""Inputs (B, ...) -> (the same inputs seen in another way, what takes the answer back)."""


def unchanged(answer: Tensor) -> Tensor:
    """The way back where classes do not depend on the view."""
    return answer


class AveragedViews(nn.Sequential):
    """`network`'s layers under their own names; outside training it gives the log of the mean probability over `views`.

    Layers and weights are shared with `network`, names and checkpoints are the same, and while training it is the
    same function. Lenses, which look at the last of several passes, see the last view: put the unchanged one there.
    """

    def __init__(self, network: nn.Sequential, views: Sequence[View]):
        super().__init__(OrderedDict(network.named_children()))
        self.views = tuple(views)
        self.training = network.training

    def forward(self, input: Tensor) -> Tensor:
        """Inputs (B, ...) as `network` takes them -> (B, K); logits while training."""
        if self.training:
            return super().forward(input)
        found = []
        for view in self.views:
            seen, back = view(input)
            found.append(back(super().forward(seen).float().softmax(1)))
        return torch.stack(found).mean(0).clamp_min(1e-30).log()

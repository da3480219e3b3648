"""Layers that take the lengths of the texts, so that padding changes nothing. Letters: B batch, F channels, T time."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def text_lengths(input: Tensor) -> Tensor:
    """(B,) the number of words of each text in what a network is given.

    Word numbers (B, T) end with pads, which are 0. Where a lens has taken the front end away
    (`cnn_core.visual.behind_front`), vectors (B, C, T) come in their place, and columns of zeros at the end are pads.
    Nothing else reads lengths from vectors; the front end's part is that no word but the pad has the vector zero
    (`apps.text.front.FAINT`).
    """
    if not input.is_floating_point():
        return (input != 0).sum(1)
    filled = (input != 0).any(1).to(torch.int64)  # (B, T)
    return (filled.flip(1).cumsum(1) > 0).sum(1)  # no maximum: lenses that trace what depends on what replace those


def valid(x: Tensor, lengths: Tensor) -> Tensor:
    """1 at the first `lengths` (B,) places of (B, F, T), else 0; (B, 1, T) in the type of x."""
    return (torch.arange(x.shape[2], device=x.device) < lengths[:, None]).to(x.dtype)[:, None]


class Pool(nn.Module):
    """Over time, of values at least 0 that are 0 beyond the text: (B, F, T) -> (B, F * factor).

    max: the largest; k-max: the k largest, in falling order (Kalchbrenner et al. 2014 keep them in place); average: the
    mean over the text; none: the first `size` places one after the other.
    """

    def __init__(self, kind: str, size: int = 1):
        super().__init__()
        self.kind = kind
        self.size = size
        self.factor = size if kind in ("k-max", "none") else 1

    def forward(self, x: Tensor, count: Tensor) -> Tensor:
        """`count` (B,) is the number of places that belong to the text; it counts as 1 at least."""
        if self.kind == "max":
            return x.amax(2)
        if self.kind == "average":
            return x.sum(2) / count.clamp(min=1)[:, None].to(x.dtype)
        x = functional.pad(x, (0, self.size))  # zeros: a text may have fewer places
        if self.kind == "none":
            return x[:, :, : self.size].flatten(1)
        return x.topk(self.size, 2).values.flatten(1)

    def extra_repr(self) -> str:
        """The kind, for print(model)."""
        return self.kind


class ClippedLinear(nn.Linear):
    """A dense layer whose rows are clipped to a norm after each step of training (Hinton et al. 2012); 0 clips none."""

    def __init__(self, inputs: int, outputs: int, max_norm: float):
        super().__init__(inputs, outputs)
        self.max_norm = max_norm

    @torch.no_grad()
    def after_step(self) -> None:
        """Called by the training loop."""
        if self.max_norm:
            self.weight.mul_((self.max_norm / self.weight.norm(dim=1, keepdim=True).clamp(min=1e-9)).clamp(max=1))

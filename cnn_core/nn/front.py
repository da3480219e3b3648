"""The front end: the child `front` of every model, which turns raw inputs into the floats that the network sees.

Raw inputs are bytes, moves, samples or word numbers; the front makes of them pixels, planes, bands or word vectors,
which have places and gradients. It is part of the model: trained, saved and exported with it. Lenses look at what it
gives.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from cnn_core.errors import UserError


class HasFront(Protocol):
    """A model whose forward pass begins with `front`: inputs (B, ...) -> floats (B, C, H, W) or (B, C, T)."""

    front: nn.Module

    def __call__(self, inputs: Tensor, /) -> Tensor:
        """Inputs (B, ...) -> logits (B, classes)."""
        ...


def front_end(model: nn.Module) -> nn.Module:
    """The child `front` of the model. Raises UserError for a model that has none."""
    front = getattr(model, "front", None)  # from Python 3.12 on, isinstance of a protocol does not see a child
    if not isinstance(front, nn.Module):
        children = ", ".join(name for name, _ in model.named_children()) or "none"
        raise UserError(
            f"the network {type(model).__name__} has no child `front` (its children: {children}); give it one that"
            " turns raw inputs into floats, nn.Identity() where there is nothing to do"
        )
    return front

"""A network without its front end (`cnn_core.nn.front`): lenses look at what the front end gives."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from cnn_core.nn.front import front_end
from cnn_core.visual.modules.activations import undisturbed
from cnn_core.visual.modules.subject import device_and_dtype


def behind_front(model: nn.Module) -> nn.Module:
    """`model` without its front end: takes what `front_of` gives. Shares all weights; `model` is left alone.

    Raises UserError for a model without a child `front`.
    """
    front_end(model)
    rest = copy.copy(model)  # shallow: a new module object around the same children
    rest._modules = dict(model._modules, front=nn.Identity())
    return rest


def front_of(model: nn.Module, inputs: Tensor) -> Tensor:
    """What the front end gives for raw inputs (B, ...), in eval semantics: floats (B, C, H, W) or (B, C, T).

    Raises UserError for a model without a child `front`.
    """
    front = front_end(model)
    with undisturbed(model), torch.no_grad():
        return front(inputs.to(device_and_dtype(model)[0])).contiguous()

"""Class activation maps: where in the input a layer's maps speak for the target.

Letters: B inputs, C channels of the layer. All give (B, 1, ...) at the input's places, or at the layer's own with
`resized` False, and raise UserError for a layer without places, such as a dense one, and for one on which the target
does not depend. Arguments as in `gradients`.
"""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnn_core.errors import UserError
from cnn_core.visual.attribution.gradients import guided_backprop
from cnn_core.visual.attribution.targets import Target, layers_of, objectives_of
from cnn_core.visual.modules.activations import Inputs, tapped
from cnn_core.visual.modules.subject import Reading, as_inputs, opened
from cnn_core.visual.optimization.objectives import bind, shapeless


def grad_cam(
    model: nn.Module,
    inputs: Inputs,
    layer: str,
    target: Target = None,
    *,
    resized: bool = True,
    **reading: Unpack[Reading],
) -> Tensor:
    """Grad-CAM (Selvaraju et al., 2017): the maps, weighted by their mean gradients, summed, the negative cut off."""
    with opened(model, reading) as model:
        x, maps, gradient = _maps(model, inputs, layer, target)
        return _heat(x, maps, _over_places(gradient.flatten(2).mean(2), maps) * maps, resized)


def grad_cam_plus_plus(
    model: nn.Module,
    inputs: Inputs,
    layer: str,
    target: Target = None,
    *,
    resized: bool = True,
    **reading: Unpack[Reading],
) -> Tensor:
    """Grad-CAM++ (Chattopadhay et al., 2018): positive gradients count, more where few places carry the evidence."""
    with opened(model, reading) as model:
        x, maps, gradient = _maps(model, inputs, layer, target)
        square, total = gradient.square(), _over_places(maps.flatten(2).sum(2), maps)
        share = square / (2 * square + total * square * gradient + 1e-6)
        share = torch.where(gradient == 0, 0, share)
        weights = (gradient.relu() * share).flatten(2).sum(2)
        return _heat(x, maps, _over_places(weights, maps) * maps, resized)


def layer_cam(
    model: nn.Module,
    inputs: Inputs,
    layer: str,
    target: Target = None,
    *,
    resized: bool = True,
    **reading: Unpack[Reading],
) -> Tensor:
    """Layer-CAM (Jiang et al., 2021): every place weighted by its own positive gradient; sharp in early layers."""
    with opened(model, reading) as model:
        x, maps, gradient = _maps(model, inputs, layer, target)
        return _heat(x, maps, gradient.relu() * maps, resized)


def guided_grad_cam(
    model: nn.Module, inputs: Inputs, layer: str, target: Target = None, **reading: Unpack[Reading]
) -> Tensor:
    """Guided Grad-CAM (Selvaraju et al., 2017): guided backprop where Grad-CAM looks, of the inputs' shape.

    Grad-CAM's map is enlarged to its nearest places, as in captum. Raises UserError for a layer whose places are not
    the input's, and where guided backprop does.
    """
    with opened(model, reading) as model:
        heat = grad_cam(model, inputs, layer, target, resized=False)
        x = as_inputs(model, inputs, floats=True)
        if heat.dim() != x.dim():
            raise UserError(f"layer {layer!r} has other places than the input: guided Grad-CAM needs the same axes")
        return guided_backprop(model, x, target) * F.interpolate(heat, size=x.shape[2:], mode="nearest")


def _maps(model: nn.Module, inputs: Inputs, layer: str, target: Target) -> tuple[Tensor, Tensor, Tensor]:
    """The inputs, the layer's maps (B, C, ...), and the target's gradient with respect to these."""
    x = as_inputs(model, inputs, floats=True)
    objectives = objectives_of(model, x, target)
    x.requires_grad_()
    free = [name for name in shapeless(objectives) if name != layer]
    with tapped(model, [layer, *layers_of(objectives)], x, as_given=free) as run:
        outputs = run(x)
        maps = outputs[layer]
        if maps.dim() < 3:
            raise UserError(f"layer {layer!r} has no places (its output is {tuple(maps.shape[1:])}): use a convolution")
        score = bind(objectives, {name: h[:1].detach() for name, h in outputs.items()})(outputs)
        (gradient,) = torch.autograd.grad(score.sum(), maps, allow_unused=True)
    if gradient is None:
        raise UserError(f"the target does not depend on layer {layer!r}: choose a layer before it")
    if not bool(gradient.any()):
        raise UserError(
            f"the target does not react to layer {layer!r} (its gradient is zero at every place, as behind the last "
            "use of a transformer's patches): choose a layer before it"
        )
    return x, maps.detach(), gradient


def _over_places(weights: Tensor, maps: Tensor) -> Tensor:
    return weights.view(*weights.shape, *(1,) * (maps.dim() - 2))


def _heat(x: Tensor, maps: Tensor, weighted: Tensor, resized: bool) -> Tensor:
    heat = F.relu(weighted.sum(1, keepdim=True))
    space = x.shape[2:] if x.dim() >= maps.dim() else x.shape[1:]
    if 2 < maps.dim() < x.dim():  # the layer has the last axes only (bands became channels): the same for the others
        heat = heat.unflatten(1, (1,) * (1 + x.dim() - maps.dim()))
    # A front end may have changed the axes: then the input has no places of the map's kind.
    if not resized or len(space) != heat.dim() - 2 or 1 in space:
        return heat
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(space)]
    return F.interpolate(heat, size=space, mode=mode, align_corners=False)

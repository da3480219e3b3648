"""The methods of `explain`: from features (1, C, ...) and a class to one heat map over the places.

Each is a function (question) -> heat, float array with the places of the features; channels are summed. Signed
methods say for and against; the others are at least zero.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cnn_core import visual
from cnn_core.errors import UserError


@dataclass(frozen=True)
class Question:
    """Why did `model` (behind its front end) give `target` for `features` (1, C, ...)? `blank` is an empty input's."""

    model: nn.Module
    features: Tensor
    target: int
    blank: Tensor
    layer: str
    seed: int = 0


def saliency(q: Question) -> Tensor:
    """The gradient's size (Simonyan et al., 2014)."""
    return visual.saliency(q.model, q.features, q.target)


def smooth_grad(q: Question) -> Tensor:
    """The same, averaged over noisy copies (Smilkov et al., 2017)."""
    return visual.smooth_grad(q.model, q.features, q.target, seed=q.seed)


def integrated_gradients(q: Question) -> Tensor:
    """Sums to the change of the logit from the blank input (Sundararajan et al., 2017)."""
    return visual.integrated_gradients(q.model, q.features, q.target, baseline=q.blank).values


def grad_cam(q: Question) -> Tensor:
    """Where a layer's maps speak for the class (Selvaraju et al., 2017)."""
    return visual.grad_cam(q.model, q.features, q.layer, q.target)


def guided_backprop(q: Question) -> Tensor:
    """The gradient along positive paths (Springenberg et al., 2015)."""
    return visual.guided_backprop(q.model, q.features, q.target).clamp(min=0)


def occlusion(q: Question) -> Tensor:
    """How the logit falls when a window is blank (Zeiler and Fergus, 2014)."""
    space = q.features.shape[2:]
    window = [max(1, round(n / 8)) for n in space]
    # Occlusion fills with one number; measured from the blank input, that number is zero everywhere.
    shifted = _Shifted(q.model, q.blank)
    # Every channel of a place falls together, so their mean is the fall itself.
    return visual.occlusion(shifted, q.features - q.blank, q.target, window=window) / q.features.shape[1]


class _Shifted(nn.Module):
    """The model as a function of the distance from the blank input."""

    def __init__(self, model: nn.Module, blank: Tensor):
        super().__init__()
        self.model, self.blank = model, blank

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x + self.blank)


METHODS: dict[str, Callable[[Question], Tensor]] = {
    "saliency": saliency,
    "smooth-grad": smooth_grad,
    "integrated-gradients": integrated_gradients,
    "grad-cam": grad_cam,
    "guided-backprop": guided_backprop,
    "occlusion": occlusion,
}


def heat(question: Question, method: str) -> np.ndarray:
    """The heat map of `method`, (H, W) or (T,). Raises UserError where the method does not fit the network."""
    found = METHODS[method](question).detach().float().cpu()[0]  # (C, ...)
    places = question.features.shape[2:]
    if found.dim() != len(places) + 1:
        raise UserError(f"{method}: gives {tuple(found.shape)} for features of {tuple(question.features.shape[1:])}")
    result = found.sum(0)
    if result.shape != places:  # Grad-CAM of an axis that the layer has not: the same for all its places
        result = result.expand(places)
    return result.numpy()


def fall(question: Question, heat_map: np.ndarray, share: float = 0.1, draws: int = 20) -> tuple[float, float]:
    """How far the class's probability falls when the `share` hottest places are blank, and when random ones are.

    A heat map that points at what the network uses falls further than chance (deletion, Petsiuk et al., 2018).
    """
    flat = torch.from_numpy(np.ascontiguousarray(heat_map)).flatten()
    count = max(1, round(share * len(flat)))
    generator = torch.Generator().manual_seed(question.seed)
    orders = [flat.argsort(descending=True), *(torch.randperm(len(flat), generator=generator) for _ in range(draws))]
    masks = torch.zeros(len(orders), len(flat), dtype=torch.bool)
    for mask, order in zip(masks, orders, strict=True):
        mask[order[:count]] = True
    masks = masks.view(len(orders), 1, *heat_map.shape).to(question.features.device)
    hidden = torch.where(masks, question.blank, question.features)
    logits = visual.record(question.model, torch.cat([question.features, hidden]), "")[""].float()
    probabilities = logits.softmax(1)[:, question.target]
    drops = (probabilities[0] - probabilities[1:]).tolist()
    return drops[0], sum(drops[1:]) / draws

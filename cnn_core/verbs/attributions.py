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

AT_ONCE = 600_000  # numbers of the input that go through the network at once: four pictures of 224 x 224


@dataclass(frozen=True)
class Question:
    """Why did `model` (behind its front end) give `target` for `features` (1, C, ...)? `blank` is an empty input's."""

    model: nn.Module
    features: Tensor
    target: int
    blank: Tensor
    layer: str
    seed: int = 0
    temperature: float = 1.0

    @property
    def batch(self) -> int:
        """Copies of the features that go through the network at once, so that memory has a bound."""
        return max(1, min(64, AT_ONCE // self.features.numel()))


def saliency(q: Question) -> Tensor:
    """The gradient's size (Simonyan et al., 2014)."""
    return visual.saliency(q.model, q.features, q.target)


def smooth_grad(q: Question) -> Tensor:
    """The same, averaged over noisy copies (Smilkov et al., 2017)."""
    return visual.smooth_grad(q.model, q.features, q.target, seed=q.seed, batch=q.batch)


def integrated_gradients(q: Question) -> Tensor:
    """Sums to the change of the logit from the blank input (Sundararajan et al., 2017)."""
    return visual.integrated_gradients(q.model, q.features, q.target, baseline=q.blank, batch=q.batch).values


def grad_cam(q: Question) -> Tensor:
    """Where a layer's maps speak for the class (Selvaraju et al., 2017)."""
    return visual.grad_cam(q.model, q.features, q.layer, q.target)


def grad_cam_plus_plus(q: Question) -> Tensor:
    """The same, by the positive gradients alone (Chattopadhay et al., 2018)."""
    return visual.grad_cam_plus_plus(q.model, q.features, q.layer, q.target)


def layer_cam(q: Question) -> Tensor:
    """Every place by its own gradient (Jiang et al., 2021)."""
    return visual.layer_cam(q.model, q.features, q.layer, q.target)


def guided_grad_cam(q: Question) -> Tensor:
    """Guided backprop where Grad-CAM looks (Selvaraju et al., 2017)."""
    return visual.guided_grad_cam(q.model, q.features, q.layer, q.target).clamp(min=0)


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
    return visual.occlusion(shifted, q.features - q.blank, q.target, window=window, batch=q.batch) / q.features.shape[1]


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
    "grad-cam++": grad_cam_plus_plus,
    "layer-cam": layer_cam,
    "guided-grad-cam": guided_grad_cam,
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


def blind_axes(heat_map: np.ndarray) -> list[int]:
    """The axes along which a map says the same everywhere: its layer has them not, as behind filters along time."""
    if not np.ptp(heat_map):
        return []
    return [axis for axis, size in enumerate(heat_map.shape) if size > 1 and not np.ptp(heat_map, axis=axis).any()]


@dataclass(frozen=True)
class Fall:
    """How far a class's probability falls when what a map marks is blank, and when the same shape lies elsewhere."""

    drop: float
    elsewhere: float
    """Mean over random places."""
    elsewhere_sd: float

    @property
    def found(self) -> bool:
        """Whether the map points at more than its shape at a random place would, by two standard deviations."""
        return self.drop > self.elsewhere + 2 * self.elsewhere_sd

    def to_json(self) -> dict[str, float | bool]:
        """JSON data."""
        return {
            "fall": self.drop,
            "fall_elsewhere": self.elsewhere,
            "fall_elsewhere_sd": self.elsewhere_sd,
            "found": self.found,
        }

    def __str__(self) -> str:
        return f"p falls {self.drop:.2f} (elsewhere {self.elsewhere:.2f} ± {self.elsewhere_sd:.2f})"


def fall(question: Question, heat_map: np.ndarray, share: float = 0.1, draws: int = 20) -> Fall:
    """Blank the `share` hottest places, and `draws` times the same shape turned and moved to a random place.

    A map that points at what the network uses falls further (deletion, Petsiuk et al., 2018). The shape is the same:
    scattered places hide more of a picture than a blob of as many, and would condemn a method that marks regions.
    """
    heat_map = np.ascontiguousarray(heat_map)
    count = max(1, round(share * heat_map.size))
    hottest = np.zeros(heat_map.size, bool)
    hottest[np.argsort(-heat_map, axis=None, kind="stable")[:count]] = True
    hottest = hottest.reshape(heat_map.shape)
    generator = np.random.default_rng(question.seed)
    masks = [hottest, *(_moved(hottest, generator) for _ in range(draws))]
    plain = _probability(question, question.features)[0]
    drops: list[float] = []
    for first in range(0, len(masks), question.batch):
        part = torch.from_numpy(np.stack(masks[first : first + question.batch]))[:, None].to(question.features.device)
        hidden = torch.where(part, question.blank, question.features)
        drops += [plain - p for p in _probability(question, hidden)]
    return Fall(drops[0], float(np.mean(drops[1:])), float(np.std(drops[1:], ddof=1)) if draws > 1 else 0.0)


def _moved(mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The mask, mirrored along random axes and rolled to a random place, round the edges."""
    for axis, size in enumerate(mask.shape):
        if generator.random() < 0.5:
            mask = np.flip(mask, axis)
        mask = np.roll(mask, int(generator.integers(size)), axis)
    return mask.copy()


def _probability(question: Question, features: Tensor) -> list[float]:
    """The target's probability for each of the features (B, C, ...), at the temperature of the question."""
    logits = visual.record(question.model, features, "")[""].float() / question.temperature
    return logits.softmax(1)[:, question.target].tolist()

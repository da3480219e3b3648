"""How the usual tools find an optimum, and a network deep enough to compare with."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

VGG19 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0)


def deep_net(seed: int = 0) -> nn.Sequential:
    """The convolutions of VGG-19 (Simonyan and Zisserman, 2015) with random weights; children "0", "1", ..."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    channels = 3
    for width in VGG19:
        if width == 0:
            layers.append(nn.MaxPool2d(2))
            continue
        conv = nn.Conv2d(channels, width, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # or nothing arrives at depth
        layers += [conv, nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


def usual_way(
    model: nn.Module, layer: nn.Module, goal: Callable[[Tensor], Tensor], start: Tensor, steps: int, rate: float
) -> Tensor:
    """One optimum (1, ...) as the usual tools find it: hook, whole net, all gradients."""
    seen: dict[str, Tensor] = {}

    def keep(module: nn.Module, args: Any, output: Tensor) -> None:
        seen["h"] = output

    handle = layer.register_forward_hook(keep)
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        model.zero_grad()
        model(x)
        (-goal(seen["h"])).backward()
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
    handle.remove()
    return x.detach()

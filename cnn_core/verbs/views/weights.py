"""The weights of a convolution as pictures."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnn_core.app import App
from cnn_core.drawing import grids, report
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.runs import Run
from cnn_core.verbs.views.common import layer_of, out_path

ENLARGED = 60  # pixels a side of a filter drawn in colour


def view(app: App, run: Run, options: Any) -> Outcome:
    """A sheet: one tile a filter, in colour where its inputs are; or a row of tiles where it has several inputs."""
    layer = options.layer or first_convolution(run.model)
    module = run.model.get_submodule(layer_of(run.model, layer))
    convolutions = [m for m in module.modules() if isinstance(m, nn.Conv1d | nn.Conv2d)]
    if not convolutions:
        raise UserError(f"--layer {layer}: has no weights with places; name a convolution")
    weight = convolutions[0].weight.detach().float().cpu()  # (K, C, h, w) or (K, C, t)
    filters, channels = weight.shape[:2]
    if weight.dim() == 3:  # one picture a filter: channels down, time across
        tiles, columns = weight, None
        titles = [str(k) for k in range(filters)]
    elif channels == 1:
        tiles, columns = weight[:, 0], None
        titles = [str(k) for k in range(filters)]
    else:
        tiles, columns = weight.flatten(0, 1), channels
        titles = [f"{k}" if c == 0 else "" for k in range(filters) for c in range(channels)]
    title = f"{layer}: {filters} filters of {' x '.join(map(str, weight.shape[2:]))}"
    title += f" over {channels} inputs" if channels > 1 else ""
    out = out_path(options, run, layer)
    if channels == 3 and weight.dim() == 4 and layer.partition(".")[0] == first_convolution(run.model):
        title += ", as colours around grey"
        report.save(grids.gallery(as_colours(weight), [str(k) for k in range(filters)], title=title, size=0.75), out)
    else:
        report.save(grids.filters(tiles.numpy(), titles, title=title, columns=columns), out)
    data = {"title": title, "filters": filters, "inputs": channels, "weights_per_filter": weight[0].numel()}
    return Outcome({"run": str(run.folder), "layer": layer, **data, "picture": str(out)}, f"{out}: {title}")


def as_colours(weight: Tensor) -> list[np.ndarray]:
    """Filters (K, 3, h, w) over R, G, B as pictures (h', w', 3) uint8: zero is grey, the largest weight full colour.

    They are enlarged by whole numbers, so that their pixels stay squares.
    """
    scale = weight.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    colours = (128 + 127 * weight / scale).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    times = max(1, ENLARGED // max(colours.shape[1:3]))
    return [np.repeat(np.repeat(picture, times, 0), times, 1) for picture in colours]


def first_convolution(model: nn.Module) -> str:
    """The block of the first convolution behind the front end: its maps are those after the activation."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d) and not name.startswith("front"):
            return name.partition(".")[0]
    raise UserError("this network has no convolution; name a layer with --layer")

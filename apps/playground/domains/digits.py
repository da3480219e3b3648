"""Digits on the page: the input that excites each filter most, and the real patch that does, cut to what it sees."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from apps.digits.model import MEAN, SD
from apps.playground.domains.page import Page
from apps.playground.graph import graph_of
from cnn_core import visual
from cnn_core.runs import Run
from cnn_core.verbs.views.common import children, some
from cnn_core.verbs.views.raw_inputs import maximize_raw
from cnn_core.visual.optimization.config import MaximizeConfig

REAL = 3000  # training pictures among which the most exciting patches are looked for
STEPS = 48
GREYS = 8  # levels of an optimum are as far apart, which halves its bytes and is not seen


def layers(run: Run) -> list[str]:
    """The layers whose values the page shows, in order."""
    return [name for name in children(run.model) if _shown(run.model, name)]


def page(run: Run, examples: bool) -> Page:
    """The graph; layers, windows of the convolutions, poolings, front end; and as parts what `pictures` finds."""
    shown = layers(run)
    graph, windows = graph_of(run, shown)
    filters, parts = pictures(run, examples)
    card = {"layers": shown, "windows": windows, "filters": filters, "pools": _pools(run)}
    card["front"] = {"scale": 1 / (255 * SD), "shift": -MEAN / SD}
    return graph, card | ({"holds": "patches of training pictures"} if examples and filters else {}), parts


def pictures(run: Run, examples: bool) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Of every convolution: `optima`, and `patches` of training pictures with `examples`, as (U, h, w) bytes.

    Both are cut to the receptive field of the filter's middle place, which `field` tells as rows, then columns. Gives
    {layer: {"field", "shape", "kinds"}} and the bytes by "KIND.LAYER".
    """
    data = run.app.load(run.config)
    real = some(data.train, REAL)
    found: dict[str, Any] = {}
    parts: dict[str, bytes] = {}
    for layer in layers(run):
        maps = visual.record(run.model, real[:1].float(), layer)[layer]
        if maps.dim() != 4 or not layer.rpartition(".")[2].startswith("conv"):
            continue
        place = tuple(side // 2 for side in maps.shape[2:])
        box = visual.receptive_fields(run.model, layer, real[:1].float(), [place]).boxes[0, -2:].tolist()
        (top, bottom), (left, right) = box
        objectives = list(visual.neurons(layer, [(unit, *place) for unit in range(maps.shape[1])]))
        best = maximize_raw(real[0], run, objectives, MaximizeConfig(steps=STEPS), seed=0)
        optima = torch.stack([torch.from_numpy(x)[top:bottom, left:right] for x in best.inputs])
        optima = (optima.float() / GREYS).round().mul(GREYS).clamp_max(255).to(torch.uint8)
        kinds = {"optima": optima, **({"patches": _patches(run, layer, real)} if examples else {})}
        found[layer] = {"field": box, "shape": list(optima.shape), "kinds": list(kinds)}
        parts |= {f"{kind}.{layer}": values.numpy().tobytes() for kind, values in kinds.items()}
    return found, parts


def _pools(run: Run) -> dict[str, Any]:
    """Windows of the maximum poolings."""
    pools = {name: run.model.get_submodule(name) for name in layers(run)}
    return {
        name: {"kernel": [pool.kernel_size] * 2, "stride": [pool.stride] * 2}
        for name, pool in pools.items()
        if isinstance(pool, torch.nn.MaxPool2d)
    }


def _shown(model: torch.nn.Module, name: str) -> bool:
    return not isinstance(model.get_submodule(name), torch.nn.Dropout | torch.nn.Flatten | torch.nn.Identity)


def _patches(run: Run, layer: str, real: Tensor) -> Tensor:
    """(U, h, w) uint8: the patch that excites each filter most."""
    best = visual.find_exemplars(run.model, real, layer, count=1)
    return torch.stack([best.patch(unit, 0) for unit in best.units]).to(torch.uint8)

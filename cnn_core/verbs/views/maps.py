"""The feature maps that one input makes in a layer."""

from typing import Any

from cnn_core import visual
from cnn_core.app import App
from cnn_core.drawing import grids, report
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.runs import Run
from cnn_core.verbs.views.common import layer_of, out_path, sample
from cnn_core.verbs.views.weights import first_convolution


def view(app: App, run: Run, options: Any) -> Outcome:
    """A sheet of the maps, all on one scale."""
    if not options.input:
        raise UserError(f"visualize maps: name a {app.what} with --input, a file or the number of a test sample")
    layer = layer_of(run.model, options.layer or first_convolution(run.model))
    given = sample(app, run, options.input)
    maps = visual.record(run.model, given.input[None].to(next(run.model.parameters()).device), layer)[layer]
    maps = maps[0].float().cpu()  # (K, H, W), (K, T) or (units,)
    if maps.dim() < 2:
        raise UserError(f"--layer {layer}: gives {maps.numel()} numbers, no maps; name a convolution or a pooling")
    maps = maps if maps.dim() == 3 else maps[:, None, :]
    size = " x ".join(map(str, maps.shape[1:]))
    title = f"{layer} for {given.name}: {len(maps)} feature maps of {size}"
    out = out_path(options, run, layer)
    figure = grids.feature_maps(maps.numpy(), [str(k) for k in range(len(maps))], title=title)
    report.save(figure, out)
    data = {"title": title, "input": given.name, "maps": len(maps), "activation": maps.sum((1, 2)).tolist()}
    return Outcome({"run": str(run.folder), "layer": layer, **data, "picture": str(out)}, f"{out}: {title}")

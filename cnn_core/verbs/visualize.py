"""visualize: what the network has learned, as pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.errors import UserError
from cnn_core.verbs.common import Outcome, Shared, existing, parser


@dataclass(frozen=True, kw_only=True)
class VisualizeOptions(Shared):
    """Options of visualize."""

    what: positional(Literal["filters", "maps"])  # type: ignore[valid-type]
    """filters: the weights of a convolution; maps: the feature maps of one input."""
    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    input: str = ""
    """maps: a file of yours, or the number of a test sample."""
    layer: str = ""
    """Layer to look at; the first convolution when left out."""
    out: Path | None = None
    """PNG to write; RUN/visualize/<what>-<layer>.png when left out."""


parse = parser(VisualizeOptions, "The filters of a layer, or the feature maps that an input makes in it.")


def run(app: App, options: VisualizeOptions) -> Outcome:
    """Draw the sheet."""
    from torch import nn

    from cnn_core import device, grids, report, runs

    model = runs.restore(app, options.run, device.choose(options.common.device, options.common.threads)).model
    layers = [name for name, _ in model.named_children() if name != "front"]
    first = next(n for n, m in model.named_modules() if isinstance(m, nn.Conv1d | nn.Conv2d))
    layer = options.layer or first.partition(".")[0]  # the block: its maps are those after the activation
    module = dict(model.named_modules()).get(layer)
    if module is None or not layer:
        raise UserError(f"--layer {layer}: no such layer; the layers are {', '.join(layers)}")
    out = options.out or options.run / "visualize" / f"{options.what}-{layer}.png"
    if options.what == "filters":
        figure, data = _filters(module, layer, grids)
    else:
        figure, data = _maps(app, options, model, module, layer, grids)
    report.save(figure, out)
    return Outcome({"run": str(options.run), "layer": layer, **data, "picture": str(out)}, f"{out}: {data['title']}")


def _filters(module: Any, layer: str, grids: Any) -> tuple[Any, dict[str, Any]]:
    """A sheet of the layer's weights: one tile a filter, or a row of tiles where it has several inputs."""
    from torch import nn

    convolutions = [m for m in module.modules() if isinstance(m, nn.Conv1d | nn.Conv2d)]
    if not convolutions:
        raise UserError(f"--layer {layer}: has no filters; name a convolution, or use `visualize maps`")
    weight = convolutions[0].weight.detach().float().cpu()  # (K, C, h, w) or (K, C, t)
    tiles = weight.reshape(-1, *(weight.shape[2:] if weight.dim() == 4 else (1, weight.shape[2])))
    filters, channels = weight.shape[:2]
    if channels == 1:
        titles, columns = [str(k) for k in range(filters)], None
    else:
        titles, columns = [f"{k}" if c == 0 else "" for k in range(filters) for c in range(channels)], channels
    title = f"{layer}: {filters} filters of {' x '.join(map(str, tiles.shape[1:]))}"
    title += f", one row each for {channels} inputs" if channels > 1 else ""
    data = {"title": title, "filters": filters, "inputs": channels, "weights_per_filter": weight[0].numel()}
    return grids.filters(tiles.numpy(), titles, title=title, columns=columns), data


def _maps(app: App, options: VisualizeOptions, model: Any, module: Any, layer: str, grids: Any) -> Any:
    """A sheet of what the layer gives for one input."""
    import torch

    from cnn_core import runs, visual
    from cnn_core.config import from_json

    if not options.input:
        raise UserError(f"visualize maps: name a {app.what} with --input, a file or the number of a test sample")
    if options.input.isdigit():
        record = runs.read_record(app, options.run)
        inputs = app.load(from_json(app.config, record["config"])).test.inputs
        if int(options.input) >= len(inputs):
            raise UserError(f"--input {options.input}: the test split has samples 0 to {len(inputs) - 1}")
        x = inputs[int(options.input)]
        name = f"test sample {options.input}"
    else:
        x = torch.from_numpy(app.read(existing(Path(options.input))))
        name = Path(options.input).name
    maps = visual.record(model, x[None], layer)[layer][0].float().cpu()  # (K, H, W), (K, T) or (units,)
    if maps.dim() < 2:
        raise UserError(f"--layer {layer}: gives {maps.numel()} numbers, no maps; name a convolution or a pooling")
    maps = maps if maps.dim() == 3 else maps[:, None, :]
    size = " x ".join(map(str, maps.shape[1:]))
    title = f"{layer} for {name}: {len(maps)} feature maps of {size}"
    data = {"title": title, "input": name, "maps": len(maps), "activation": maps.sum((1, 2)).tolist()}
    return grids.feature_maps(maps.numpy(), [str(k) for k in range(len(maps))], title=title), data

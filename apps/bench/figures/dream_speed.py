"""CPU-seconds of a style and a dream on real pictures, and of optima at depth beside the usual way, on the real VGG-19.

    python -m apps.bench dream-speed --painting FILE          about ten minutes on one thread

- `style`, `dream`: the command's defaults on the sample photograph chelsea, 384 pixels.
- `depth`: one filter of a layer, one picture, 32 Adam steps on pixels. Baseline: activations by a hook, the whole
  network forward, a backward pass to all weights that the objective depends on. That is what tools do that leave the
  user's network as it is, for a parameter wants its gradient unless told otherwise; `frozen` is the same with the
  weights frozen beforehand. The network ends with its last convolutions: dense layers, which a classifier also runs
  through, are in neither side. Where the processor has bf16, which `cnn-dream` then uses, that is a third row.
"""

import json
from dataclasses import dataclass
from typing import Any

import torch

from apps.bench.figures.visual_speed import usual_way
from apps.dream.backbone import Backbone
from apps.dream.data import find
from apps.dream.model import load_backbone
from apps.dream.painting import paint
from apps.dream.verbs.dream import DreamOptions
from apps.dream.verbs.style import StyleOptions
from cnn_core import benchmark, visual
from cnn_core import config as config_module
from cnn_core.benchmark import cpu_seconds, paired_ratio, summary
from cnn_core.drawing.tables import table
from cnn_core.training import inference

DEPTHS = ("conv2_2", "conv3_2", "conv3_4", "conv4_4")


@dataclass(frozen=True)
class Options:
    """Options of dream-speed."""

    painting: str = "china"
    """The style: a file, or a sample photograph."""
    threads: int = 1
    """CPU threads."""
    rounds: int = 3
    """Pairs of runs at each depth."""
    size: int = 96
    """Height and width of the picture at depth."""
    json: bool = False
    """Print one JSON object on standard output."""


def pictures(backbone: Backbone, painting: str) -> dict[str, dict[str, float]]:
    """Seconds of the two commands' own work with their defaults, in fp32 and in bf16 where the processor has it."""
    style, dream = StyleOptions(content="chelsea"), DreamOptions()
    content, strokes = find("chelsea", style.size).tensor(), find(painting, style.size).tensor()
    native = inference.use_bf16("auto", torch.device("cpu"))
    found: dict[str, dict[str, float]] = {}
    for precision in ("fp32", "bf16") if native else ("fp32",):
        with cpu_seconds() as spent:
            paint(
                backbone.model, content, [strokes], coarse=style.coarse, steps=style.steps, start=style.start,
                colours=style.colours, content_layers=backbone.content, style_layers=backbone.style,
                style_weight=style.style_weight, precision=precision,
            )  # fmt: skip
        found[f"style {precision}"] = {"cpu_seconds": spent.cpu, "seconds": spent.wall}
        with cpu_seconds() as spent, inference.autocast(precision, torch.device("cpu")):
            visual.deep_dream(
                backbone.model, backbone.deep, content, octaves=dream.octaves, steps=dream.steps, tile=dream.tile,
                low=0.0, high=255.0,
            )  # fmt: skip
        found[f"dream {precision}"] = {"cpu_seconds": spent.cpu, "seconds": spent.wall}
    return found


def depth(
    backbone: Backbone, layer: str, frozen: bool, rounds: int, size: int, steps: int = 32, precision: str = "fp32"
) -> dict[str, Any]:
    """Steps per CPU second of `visual.optimize` and of the usual way, in turns; the same start, rate and rule.

    `precision` is that of `visual.optimize`; the usual way computes in fp32, and both are judged in fp32.
    """
    model, rate = backbone.model, 0.05
    canvas, goal = visual.Pixels((3, size, size), 0, 255), visual.filter(layer, 0)
    start = canvas.start(1, torch.Generator().manual_seed(0))[0]
    unit = torch.nn.Sequential(_Stretch(), model).eval()  # the usual way's picture lies in 0 to 1
    unit.requires_grad_(not frozen)
    target = model.get_submodule(layer)
    slow, fast = [], []
    reached = found = None
    for _ in range(rounds):
        with cpu_seconds() as spent:
            picture = usual_way(unit, target, lambda h: h[:, 0].sum(), start, steps, rate)
        slow.append(steps / spent.cpu)
        reached = visual.values(model, goal, picture * 255)
        with cpu_seconds() as spent, inference.autocast(precision, torch.device("cpu")):
            found = visual.optimize(model, goal, canvas, steps=steps, rate=rate)
        fast.append(steps / spent.cpu)
    model.requires_grad_(False)
    assert found is not None
    assert reached is not None
    ratio = paired_ratio(fast, slow)
    return {
        "layer": layer,
        "precision": precision,
        "baseline": "frozen" if frozen else "weights not frozen",
        "steps_per_cpu_second": summary(fast).mean,
        "baseline_steps_per_cpu_second": summary(slow).mean,
        "ratio": ratio.median,
        "activation": float(visual.values(model, goal, found.inputs)),
        "baseline_activation": float(reached),
    }


class _Stretch(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 255


def main(args: list[str]) -> int:
    """Measure and print."""
    options = config_module.parse(Options, args, prog="python -m apps.bench dream-speed")
    torch.set_num_threads(options.threads)
    backbone = load_backbone("vgg19")
    native = inference.use_bf16("auto", torch.device("cpu"))
    ways = [("fp32", False), ("fp32", True), *([("bf16", False)] if native else [])]
    depths = [
        depth(backbone, layer, frozen, options.rounds, options.size, precision=precision)
        for layer in DEPTHS
        for precision, frozen in ways
    ]
    result = {"depth": depths, "pictures": pictures(backbone, options.painting), "environment": benchmark.environment()}
    if options.json:
        print(json.dumps(result))
        return 0
    figures = ("steps_per_cpu_second", "baseline_steps_per_cpu_second", "ratio", "activation", "baseline_activation")
    rows = [[d["layer"], d["precision"], d["baseline"], *(f"{d[name]:.4g}" for name in figures)] for d in depths]
    head = ["layer", "ours in", "baseline", "steps/CPU-s", "its steps/CPU-s", "ratio", "reached", "it reached"]
    print(table(head, rows))
    timed = [[name, f"{v['cpu_seconds']:.1f}", f"{v['seconds']:.1f}"] for name, v in result["pictures"].items()]
    print(f"\n{table(['384 pixels', 'CPU-seconds', 'seconds'], timed)}\n\n{result['environment']}")
    return 0

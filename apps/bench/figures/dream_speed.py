"""CPU-seconds of a style and a dream on real pictures, and of optima at depth beside the usual way, on the real VGG-19.

    cnn-bench dream-speed --painting FILE          about ten minutes on one thread

- `style`, `dream`: the command's defaults on the sample photograph chelsea, 384 pixels.
- depth: one filter of a layer, one picture, 32 Adam steps on pixels. Baseline: activations by a hook, the whole
  network forward, a backward pass to all weights that the objective depends on. That is what tools do that leave the
  user's network as it is, for a parameter wants its gradient unless told otherwise; `frozen` is the same with the
  weights frozen beforehand. The network ends with its last convolutions: dense layers, which a classifier also runs
  through, are in neither side. Where the processor has bf16, which `cnn-dream` then uses, that is a third row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.bench.figures.figure import Figure, Report, outcome
from apps.bench.options import BenchOptions, on_processor
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    from apps.dream.backbone import Backbone

DEPTHS = ("conv2_2", "conv3_2", "conv3_4", "conv4_4")


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of dream-speed."""

    painting: str = "china"
    """The style: a file, or a sample photograph."""
    rounds: int = 3
    """Pairs of runs at each depth."""
    size: int = 96
    """Height and width of the picture at depth."""


parse = parser(Options, "Time a style, a dream and optima at depth on the real VGG-19.")


def run(app: App | None, options: Options) -> Outcome:
    """Measure all."""
    import torch

    from apps.bench.figures.optima import at_depth
    from apps.dream.model import load_backbone
    from cnn_core.training import inference

    with on_processor(options.common):
        backbone = load_backbone("vgg19")
        native = inference.use_bf16("auto", torch.device("cpu"))
        ways = [("fp32", False), ("fp32", True), *([("bf16", False)] if native else [])]
        figures = []
        for layer in DEPTHS:
            for precision, frozen in ways:
                name = f"VGG-19, a filter of {layer}{', bf16' if precision == 'bf16' else ''}"
                figures.append(
                    at_depth(
                        name, backbone.model, layer, rounds=options.rounds, size=options.size, high=255.0,
                        frozen=frozen, precision=precision,
                    )
                )  # fmt: skip
        figures += pictures(backbone, options.painting, ("fp32", "bf16") if native else ("fp32",))
        return outcome(Report("dream-speed", tuple(figures)))


def pictures(backbone: Backbone, painting: str, precisions: tuple[str, ...]) -> Iterator[Figure]:
    """Seconds of the two commands' own work with their defaults."""
    import torch

    from apps.dream.data import find
    from apps.dream.painting import paint
    from apps.dream.verbs.common import SIDE
    from apps.dream.verbs.dream import DreamOptions
    from apps.dream.verbs.style import StyleOptions
    from cnn_core import visual
    from cnn_core.benchmark import cpu_seconds
    from cnn_core.training import inference

    style, dream = StyleOptions(content="chelsea"), DreamOptions()
    content, strokes = find("chelsea", SIDE).tensor(), find(painting, SIDE).tensor()
    for precision in precisions:
        with cpu_seconds() as spent:
            paint(
                backbone.model, content, [strokes], coarse=style.coarse, steps=style.steps, start=style.start,
                colours=style.colours, content_layers=backbone.content, style_layers=backbone.style,
                style_weight=style.style_weight, precision=precision,
            )  # fmt: skip
        wall = {"seconds": spent.wall}
        yield Figure(f"style {precision}, {SIDE} pixels", "CPU-s", spent.cpu, conditions=wall)
        with cpu_seconds() as spent, inference.autocast(precision, torch.device("cpu")):
            visual.deep_dream(
                backbone.model, backbone.deep, content, octaves=dream.octaves, steps=dream.steps, tile=dream.tile,
                low=0.0, high=255.0,
            )  # fmt: skip
        wall = {"seconds": spent.wall}
        yield Figure(f"dream {precision}, {SIDE} pixels", "CPU-s", spent.cpu, conditions=wall)

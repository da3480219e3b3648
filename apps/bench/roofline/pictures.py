"""Optimization of pictures: optima of the lecture's network; filters, dreams and styles on the real VGG-19."""

import torch

from apps.bench.roofline.ready import Ready
from cnn_core import visual
from cnn_core.nn.architecture import LECTURE
from cnn_core.nn.network import ConvNet
from cnn_core.training.inference import autocast, use_bf16

CPU = torch.device("cpu")


def _noise(size: int, seed: int) -> torch.Tensor:
    return 255 * torch.rand(3, size, size, generator=torch.Generator().manual_seed(seed))


def _auto() -> str:
    return "bf16" if use_bf16("auto", CPU) else "fp32"


def optima(steps: int = 64) -> Ready:
    """All 50 filters of the second convolution of the lecture's network, `steps` steps in one batch."""
    torch.manual_seed(0)
    model = ConvNet(LECTURE).eval()
    count = LECTURE.channels[1]
    goals, canvas = visual.filters("conv2", range(count)), visual.Pixels((1, 28, 28))
    return Ready(lambda: visual.optimize(model, goals, canvas, steps=steps), count, "fp32")


def filters(steps: int = 8, size: int = 96) -> Ready:
    """Steps of an optimum of a filter of conv3_4 on one picture of 96x96."""
    from apps.dream.model import load_backbone

    model = load_backbone("vgg19").model
    goal, canvas = visual.filter("conv3_4", 0), visual.Pixels((3, size, size), 0, 255)

    def run() -> None:
        with autocast("auto", CPU):
            visual.optimize(model, goal, canvas, steps=steps)

    return Ready(run, steps, _auto())


def features(count: int = 8) -> Ready:
    """Photographs of 224x224 through EfficientNet-Lite0, as preset frozen of cnn-photos asks it."""
    from apps.bench.studies.study import app_named
    from apps.photos.features import computed

    config = app_named("photos").presets["frozen"]
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(
        0, 256, (count, 3, config.side, config.side), dtype=torch.uint8, generator=generator
    ).numpy()
    return Ready(lambda: computed(config, pictures, progress=False), count, "fp32")


def explain() -> Ready:
    """Every usual method of `cnn-dream explain`, and what each is worth, for one picture of 224x224."""
    from apps.dream.model import load_backbone
    from apps.dream.verbs.common import CLASSIFIER
    from cnn_core.verbs.attributions import Question, fall, heat
    from cnn_core.verbs.explain import METHODS

    backbone = load_backbone(CLASSIFIER)
    rest = visual.behind_front(backbone.model)
    shown = visual.front_of(backbone.model, _noise(backbone.side, 0)[None])
    blank = visual.front_of(backbone.model, backbone.blank(backbone.side, backbone.side))
    question = Question(rest, shown, 0, blank, list(backbone.shapes)[-1])
    return Ready(lambda: [fall(question, heat(question, method)) for method in METHODS], 1, "fp32")


def dream(steps: int = 3, size: int = 128) -> Ready:
    """A dream on a picture of 128x128 in two octaves of `steps` steps."""
    from apps.dream.model import load_backbone

    backbone = load_backbone("vgg19")
    picture = _noise(size, 0)

    def run() -> None:
        with autocast("auto", CPU):
            visual.deep_dream(
                backbone.model, backbone.deep, picture, octaves=2, steps=steps, low=0.0, high=255.0
            )  # fmt: skip

    return Ready(run, 1, _auto())


def style(coarse: int = 4, steps: int = 2, size: int = 128) -> Ready:
    """A picture of 128x128 in the style of another, with few of the steps that `cnn-dream style` takes."""
    from apps.dream.model import load_backbone
    from apps.dream.painting import paint
    from apps.dream.verbs.style import StyleOptions

    backbone, defaults = load_backbone("vgg19"), StyleOptions(content="noise")
    content, strokes, precision = _noise(size, 0), _noise(size, 1), _auto()

    def run() -> None:
        paint(
            backbone.model, content, [strokes], coarse=coarse, steps=steps, start=defaults.start,
            colours=defaults.colours, content_layers=backbone.content, style_layers=backbone.style,
            style_weight=defaults.style_weight, precision=precision,
        )  # fmt: skip

    return Ready(run, 1, precision)

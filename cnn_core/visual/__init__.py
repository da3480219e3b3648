"""What a CNN sees: any `nn.Module`, any input shape, no trace left in the model.

    from cnn_core import visual

    visual.layer_names(model)
    maps = visual.record(model, x, ["conv1", "conv2"])
    best = visual.optimize(model, visual.filters("conv2", range(50)), visual.Pixels((1, 28, 28)))
    visual.show(best.inputs)
    digits = visual.optimize(model, visual.logits(range(10)), visual.Pixels((1, 28, 28)), penalties=[visual.L1(0.1)])
    seen = visual.deep_dream(model, "conv2", picture)
    painted = visual.stylize(model, picture, painting, content_layers=["conv4"], style_layers=["conv1", "conv2"])
    why = visual.integrated_gradients(model, x)
    found = visual.find_exemplars(model, images, "conv2")
    visual.convolution([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, -1], [-1, 1]])  # drawn, with the numbers in the cells

Layers are named as in `model.named_modules()`; "" is the model's output. Units count from 0. The names below are
imported when they are first used.
"""

from typing import TYPE_CHECKING

from cnn_core.lazy import attach

if TYPE_CHECKING:
    from cnn_core.visual.arithmetic.figures import connection, convolution, cube, flattening, places, pooling
    from cnn_core.visual.attribution import (
        Attribution,
        grad_cam,
        grad_cam_plus_plus,
        guided_backprop,
        guided_grad_cam,
        integrated_gradients,
        layer_cam,
        noise_tunnel,
        occlusion,
        saliency,
        smooth_grad,
    )
    from cnn_core.visual.dream import deep_dream
    from cnn_core.visual.exemplars import Exemplars, find_exemplars
    from cnn_core.visual.measures import Texture, blank_share, energy_inside, predictions, texture
    from cnn_core.visual.modules.activations import find_layer, layer_names, record, tapped
    from cnn_core.visual.modules.front import behind_front, front_of
    from cnn_core.visual.modules.receptive import Fields, receptive_fields
    from cnn_core.visual.optimization.canvas import Canvas, Fourier, Pixels, Subspace
    from cnn_core.visual.optimization.maximize import Optima, optimize
    from cnn_core.visual.optimization.notation import as_objective
    from cnn_core.visual.optimization.objectives import (
        Objective,
        custom,
        direction,
        diversity,
        filter,
        filters,
        logit,
        logits,
        neuron,
        neurons,
        whole,
    )
    from cnn_core.visual.optimization.penalties import L1, L2, TotalVariation
    from cnn_core.visual.optimization.scoring import values, values_of_each
    from cnn_core.visual.optimization.transforms import GENTLE, STRONG, Jitter, Rotate, Scale
    from cnn_core.visual.pictures.movies import gif, mp4
    from cnn_core.visual.pictures.plot import (
        as_picture,
        filter_pictures,
        heat_of,
        normalised,
        overlay,
        show,
        tinted,
    )
    from cnn_core.visual.style import Styled, gram, stylize

_HOME = {
    "arithmetic.figures": "connection convolution cube flattening places pooling",
    "modules.activations": "find_layer layer_names record tapped",
    "attribution": "Attribution grad_cam grad_cam_plus_plus guided_backprop guided_grad_cam integrated_gradients "
    "layer_cam noise_tunnel occlusion saliency smooth_grad",
    "modules.front": "behind_front front_of",
    "optimization.canvas": "Canvas Fourier Pixels Subspace",
    "dream": "deep_dream",
    "exemplars": "Exemplars find_exemplars",
    "optimization.maximize": "Optima optimize",
    "measures": "Texture blank_share energy_inside predictions texture",
    "optimization.notation": "as_objective",
    "optimization.objectives": "Objective custom direction diversity filter filters logit logits neuron neurons whole",
    "optimization.penalties": "L1 L2 TotalVariation",
    "pictures.plot": "as_picture filter_pictures heat_of normalised overlay show tinted",
    "pictures.movies": "gif mp4",
    "modules.receptive": "Fields receptive_fields",
    "optimization.scoring": "values values_of_each",
    "style": "Styled gram stylize",
    "optimization.transforms": "GENTLE STRONG Jitter Rotate Scale",
}
__all__ = [
    "GENTLE",
    "L1",
    "L2",
    "STRONG",
    "Attribution",
    "Canvas",
    "Exemplars",
    "Fields",
    "Fourier",
    "Jitter",
    "Objective",
    "Optima",
    "Pixels",
    "Rotate",
    "Scale",
    "Styled",
    "Subspace",
    "Texture",
    "TotalVariation",
    "as_objective",
    "as_picture",
    "behind_front",
    "blank_share",
    "connection",
    "convolution",
    "cube",
    "custom",
    "deep_dream",
    "direction",
    "diversity",
    "energy_inside",
    "filter",
    "filter_pictures",
    "filters",
    "find_exemplars",
    "find_layer",
    "flattening",
    "front_of",
    "gif",
    "grad_cam",
    "grad_cam_plus_plus",
    "gram",
    "guided_backprop",
    "guided_grad_cam",
    "heat_of",
    "integrated_gradients",
    "layer_cam",
    "layer_names",
    "logit",
    "logits",
    "mp4",
    "neuron",
    "neurons",
    "noise_tunnel",
    "normalised",
    "occlusion",
    "optimize",
    "overlay",
    "places",
    "pooling",
    "predictions",
    "receptive_fields",
    "record",
    "saliency",
    "show",
    "smooth_grad",
    "stylize",
    "tapped",
    "texture",
    "tinted",
    "values",
    "values_of_each",
    "whole",
]

__getattr__ = attach(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)

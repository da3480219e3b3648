"""Which part of one input made the model answer as it did."""

from cnn_core.visual.attribution.cam import grad_cam, grad_cam_plus_plus, guided_grad_cam, layer_cam
from cnn_core.visual.attribution.gradients import (
    Attribution,
    guided_backprop,
    integrated_gradients,
    saliency,
    smooth_grad,
)
from cnn_core.visual.attribution.noise import noise_tunnel
from cnn_core.visual.attribution.occlusion import occlusion

__all__ = [
    "Attribution",
    "grad_cam",
    "grad_cam_plus_plus",
    "guided_backprop",
    "guided_grad_cam",
    "integrated_gradients",
    "layer_cam",
    "noise_tunnel",
    "occlusion",
    "saliency",
    "smooth_grad",
]

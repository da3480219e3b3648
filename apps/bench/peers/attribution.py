"""What a ready-made digit network answers for: three methods, ours and those of captum and pytorch-grad-cam."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from apps.bench.peers.peer import Found, Setting
from cnn_core.benchmark import cpu_seconds

STEPS = 64
WINDOW, STRIDE = 4, 2
LAYER = "conv2"
SAMPLES = 300


def subject(setting: Setting) -> tuple[nn.Module, Tensor, Tensor]:
    """The lecture's network behind its front end, test digits (N, 1, 28, 28) as it takes them, its answers (N,)."""
    from apps.digits.app import APP
    from cnn_core.networks import pretrained
    from cnn_core.runs import restore

    run = restore(APP, pretrained.run_path("@digits-lecture"))
    raw = APP.load(run.config).test.inputs[: 20 if setting.quick else SAMPLES]
    model = run.model.float().eval().requires_grad_(False)
    front, *parts = model.named_children()
    network = nn.Sequential(OrderedDict(parts))
    with torch.no_grad():
        x = front[1](raw).float()
        return network, x, network(x).argmax(1)


def timed(work: Callable[[], Tensor], judge: Callable[[Tensor], Tensor]) -> Found:
    """CPU-seconds of `work`, and what `judge` says of its maps."""
    with cpu_seconds() as spent:
        maps = work()
    return Found(spent.cpu, float(judge(maps)))


def gap(network: nn.Module, x: Tensor, answers: Tensor) -> Callable[[Tensor], Tensor]:
    """How far maps are from summing to the difference of the logits, on average."""
    with torch.no_grad():
        rise = (network(x) - network(torch.zeros_like(x))).gather(1, answers[:, None])[:, 0]
    return lambda maps: (maps.flatten(1).sum(1) - rise).abs().mean()


def here(setting: Setting) -> Found:
    """Integrated gradients."""
    from cnn_core import visual

    network, x, answers = subject(setting)
    targets = answers.tolist()
    return timed(lambda: visual.integrated_gradients(network, x, targets, steps=STEPS).values, gap(network, x, answers))


def captum_integrated(setting: Setting) -> Found:
    """The same by captum, its usual quadrature, in pieces that fit in the caches."""
    from captum.attr import IntegratedGradients

    network, x, answers = subject(setting)
    method = IntegratedGradients(network)

    def work() -> Tensor:
        return method.attribute(x, target=answers, n_steps=STEPS, internal_batch_size=STEPS)

    return timed(work, gap(network, x, answers))


def occluded(setting: Setting) -> Found:
    """Occlusion."""
    from cnn_core import visual

    network, x, answers = subject(setting)
    targets = answers.tolist()
    return timed(
        lambda: visual.occlusion(network, x, targets, window=(WINDOW, WINDOW), stride=(STRIDE, STRIDE)),
        lambda maps: maps.abs().mean(),
    )


def captum_occluded(setting: Setting) -> Found:
    """The same by captum, all digits at once and eight windows a pass."""
    from captum.attr import Occlusion

    network, x, answers = subject(setting)
    method = Occlusion(network)

    def work() -> Tensor:
        return method.attribute(
            x, (1, WINDOW, WINDOW), strides=(1, STRIDE, STRIDE), target=answers, perturbations_per_eval=8
        )

    return timed(work, lambda maps: maps.abs().mean())


def peak(maps: Tensor) -> Tensor:
    """Share of the highest value in each map, so that scales do not matter."""
    flat = maps.flatten(1)
    return (flat.amax(1) / flat.sum(1).clamp(min=1e-12)).mean()


def cam(setting: Setting) -> Found:
    """Grad-CAM."""
    from cnn_core import visual

    network, x, answers = subject(setting)
    targets = answers.tolist()
    return timed(lambda: visual.grad_cam(network, x, LAYER, targets), peak)


def peers_cam(setting: Setting) -> Found:
    """The same by pytorch-grad-cam."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network, x, answers = subject(setting)
    network.requires_grad_(True)  # it reads the gradients of outputs that the weights demand
    targets = [ClassifierOutputTarget(answer) for answer in answers.tolist()]

    def work() -> Tensor:
        with GradCAM(network, [network.get_submodule(LAYER)]) as method:
            return torch.from_numpy(method(x, targets))  # type: ignore[arg-type]

    return timed(work, peak)

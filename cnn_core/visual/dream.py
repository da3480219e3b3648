"""Deep Dream: change a picture so that a layer sees more of what it sees already (Mordvintsev et al., 2015).

Letters: C channels, H height, W width; everything works for (C, T) as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnn_core import console
from cnn_core.errors import UserError
from cnn_core.visual.fast.cache import remember
from cnn_core.visual.modules.activations import tapped, tapped_and_tried
from cnn_core.visual.modules.subject import Reading, device_and_dtype, opened, unwrapped
from cnn_core.visual.optimization.notation import as_objective
from cnn_core.visual.optimization.objectives import Objective, bind, custom, shapeless, whole
from cnn_core.visual.pictures.resize import one_input, resize

Frame = Callable[[int, int, Tensor], None]


def deep_dream(
    model: nn.Module,
    what: str | Sequence[str] | Objective,
    picture: Tensor | None = None,
    *,
    size: tuple[int, ...] | None = None,
    guide: Tensor | None = None,
    octaves: int = 4,
    ratio: float = 1.4,
    steps: int = 12,
    rate: float = 0.01,
    jitter: int = 16,
    tile: int = 384,
    low: float = 0.0,
    high: float = 1.0,
    seed: int = 0,
    frame: Frame | None = None,
    progress: bool = False,
    cache: bool = False,
    **reading: Unpack[Reading],
) -> Tensor:
    """Dream on a picture, or on noise.

    The lecture's rule: a layer's positive entries go up, its negative ones down, which is ascent on half its
    squared length. The gradient is divided by its mean size, so that `rate` means the same for every layer.

    Args:
        model: takes (1, C, H, W) with values low..high; any module.
        what: a layer, several layers, or an objective (filters, a class, a weighted sum), also in short form.
        picture: (C, H, W); None starts from noise of `size` = (C, H, W).
        size: of the noise.
        guide: a second picture; the layer is then drawn to what it sees there: every place to the place of the
            guide that it resembles most, and the other way round. `what` must be layers.
        octaves: sizes to work at, small to large; `ratio` lies between neighbours.
        ratio: of one octave's side to the one before.
        steps: in every octave.
        rate: mean change of a value in a step, as a part of high - low.
        jitter: the picture is rolled by up to this many pixels before a step (pictures in tiles: by any amount).
        tile: pictures larger than this a side are worked on in tiles about this large, to bound memory.
        low: the lowest value.
        high: the highest value.
        seed: of noise and jitter.
        frame: called as frame(octave, step, picture (C, H, W) in that octave's size), to make an animation.
        progress: show a bar.
        cache: keep the result on disk and give it back at once when the same is asked again.
        **reading: axes of layers, extra inputs, the part of the output; see `Reading`.

    Returns:
        (C, H, W), on the CPU.

    Raises:
        UserError: unknown layer, a picture too small, an objective that sees nothing (no gradient), NaN.

    """
    if (picture is None) == (size is None):
        raise UserError("dream needs either a picture or the size of the noise to start from")
    if octaves < 1 or steps < 1 or ratio <= 1 or tile < 16:
        raise UserError("dream needs octaves and steps of at least 1, a ratio above 1 and tiles of at least 16")
    device, dtype = device_and_dtype(model)
    generator = torch.Generator().manual_seed(seed)
    if picture is None:
        noise = torch.rand((1, *(size or ())), generator=generator)
        base = low + (high - low) * (0.4 + 0.2 * noise)
    else:
        base = one_input(picture, "picture")
    base = base.to(device, dtype)

    def compute() -> dict[str, Tensor]:
        with opened(model, reading) as subject:
            return dreamt(subject)

    def dreamt(subject: nn.Module) -> dict[str, Tensor]:
        objective = _objective(subject, what, guide)
        sizes = [[max(1, round(n / ratio ** (octaves - 1 - o))) for n in base.shape[2:]] for o in range(octaves)]
        total = octaves * steps
        bar = _bar(total) if progress else None
        x = resize(base, sizes[0])
        done = 0
        try:
            first = x[next(_windows(x, tile))]
            with tapped_and_tried(subject, objective.layers, first, as_given=shapeless([objective])) as (run, given):
                evaluate = bind([objective], given)
                for octave, shape in enumerate(sizes):
                    if octave:
                        # What has been dreamt so far, enlarged, on the sharp original of this size.
                        detail = x - resize(base, sizes[octave - 1])
                        x = (resize(base, shape) + resize(detail, shape)).clamp(low, high)
                    for step in range(steps):
                        gradient = _gradient(x, lambda part: evaluate(run(part)), tile, jitter, generator)
                        size_of = gradient.abs().mean()
                        if not bool(torch.isfinite(size_of)):
                            raise UserError(
                                f"the dream met a value that is not a number in octave {octave}: lower the rate"
                            )
                        if float(size_of) == 0:
                            raise UserError(
                                f"{objective.layers[0] or 'the output'!r} does not react to this picture (its gradient "
                                "is zero): choose another layer, filter or start"
                            )
                        x = (x + gradient * (rate * (high - low) / size_of)).clamp(low, high)
                        done += 1
                        if frame is not None:
                            frame(octave, step, x[0].cpu())
                        if bar is not None:
                            bar.update()
        finally:
            if bar is not None:
                bar.close()
        return {"picture": x[0].cpu()}

    if not cache or frame is not None:
        return compute()["picture"]
    asked = (what, base, guide, octaves, ratio, steps, rate, jitter, tile, low, high, seed, dict(reading))
    return remember("dream", unwrapped(model), asked, compute)["picture"]


def _bar(total: int):
    return console.progress("dream", total=total)


def _objective(model: nn.Module, what: str | Sequence[str] | Objective, guide: Tensor | None) -> Objective:
    if isinstance(what, str) and ":" in what:
        what = as_objective(what)
    if isinstance(what, Objective):
        if guide is not None:
            raise UserError("a guided dream takes layers, not an objective: the guide says what to look for")
        return what
    layers = [what] if isinstance(what, str) else list(what)
    if not layers:
        raise UserError("dream needs at least one layer")
    if guide is None:
        return sum((whole(layer) for layer in layers[1:]), whole(layers[0]))
    device, dtype = device_and_dtype(model)
    shown = one_input(guide, "guide").to(device, dtype)
    with tapped(model, layers, shown) as run, torch.no_grad():
        seen = run(shown)
    return sum(
        (custom(layer, _drawn_to(seen[layer])) for layer in layers[1:]), custom(layers[0], _drawn_to(seen[layers[0]]))
    )


def _drawn_to(seen: Tensor) -> Callable[[Tensor], Tensor]:
    """How much like the guide's places those of a picture are, and how well each place of the guide is met.

    Cosines, with the guide's mean taken away: by inner products every place would go for the guide's strongest one,
    and nothing of the guide would be seen.
    """
    features = seen.flatten(2)[0]  # (C, places of the guide)
    mean = features.mean(1, keepdim=True)
    wanted = F.normalize(features - mean, dim=0)

    def value(h: Tensor) -> Tensor:
        own = F.normalize((h.flatten(2) - mean).transpose(1, 2), dim=2)  # (1, places, C)
        places = own.shape[1]
        total, met = own.new_zeros(len(own)), own.new_full((len(own), wanted.shape[1]), -1.0)
        for part in own.split(max(1, 2**24 // wanted.shape[1]), dim=1):
            likeness = part @ wanted
            total = total + likeness.amax(2).sum(1)
            met = torch.maximum(met, likeness.amax(1))
        return total + met.sum(1) * (places / wanted.shape[1])

    return value


def _gradient(
    x: Tensor, score: Callable[[Tensor], Tensor], tile: int, jitter: int, generator: torch.Generator
) -> Tensor:
    axes = tuple(range(2, x.dim()))
    in_tiles = any(n > tile for n in x.shape[2:])
    shifts = []
    for n in x.shape[2:]:
        # In tiles the seams must wander over the whole picture, or they would show.
        reach = n // 2 if in_tiles else min(jitter, n // 2)
        shifts.append(int(torch.randint(-reach, reach + 1, (), generator=generator)))
    rolled = torch.roll(x, shifts, axes)
    gradient = torch.zeros_like(rolled)
    for where in _windows(rolled, tile):
        part = rolled[where].detach().clone().requires_grad_()
        (gradient[where],) = torch.autograd.grad(score(part).sum(), part)
    return torch.roll(gradient, [-s for s in shifts], axes)


def _windows(x: Tensor, tile: int) -> Iterator[tuple[slice, ...]]:
    """Tiles of nearly equal size that cover the picture once."""
    cuts = []
    for n in x.shape[2:]:
        count = math.ceil(n / tile)
        edges = [round(i * n / count) for i in range(count + 1)]
        cuts.append([slice(a, b) for a, b in itertools.pairwise(edges)])
    for window in itertools.product(*cuts):
        yield (slice(None), slice(None), *window)

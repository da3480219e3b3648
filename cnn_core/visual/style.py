"""Deep Style: the content of one picture in the style of others (Gatys, Ecker and Bethge, 2016).

Letters: C channels, P places of a feature map. Content is what a layer's filters give at each place; style is how
strongly each pair of filters fires together, wherever that is: the Gram matrix F F^T / P of the maps F (C, P).

Other than in the paper every layer's loss is divided by the squared size of its target, so that weights mean the
same for every network and layer: 1 is the loss of a picture that the layer sees nothing in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Unpack

import torch
from torch import Tensor, nn

from cnn_core import console
from cnn_core.errors import UserError
from cnn_core.training.inference import autocast, use_bf16
from cnn_core.visual.fast.cache import remember
from cnn_core.visual.modules.activations import tapped
from cnn_core.visual.modules.subject import Reading, device_and_dtype, opened, unwrapped
from cnn_core.visual.optimization.ascent import Adam
from cnn_core.visual.optimization.penalties import TotalVariation
from cnn_core.visual.pictures.colour import luminance_of, match_colours
from cnn_core.visual.pictures.resize import one_input, resize

Watch = Callable[[int, Tensor, float], None]


@dataclass(frozen=True)
class Styled:
    """A picture (C, H, W) in low..high, and the loss at each evaluation (S,)."""

    picture: Tensor
    history: Tensor


def gram(h: Tensor) -> Tensor:
    """Correlations between filters: (B, C, ...) -> (B, C, C), divided by the number of places."""
    maps = h.flatten(2)
    return maps @ maps.transpose(1, 2) / maps.shape[2]


def stylize(
    model: nn.Module,
    content: Tensor,
    styles: Tensor | Sequence[Tensor],
    *,
    content_layers: Mapping[str, float] | Sequence[str],
    style_layers: Mapping[str, float] | Sequence[str],
    blend: Sequence[float] | None = None,
    content_weight: float = 1.0,
    style_weight: float = 100.0,
    smooth: float = 0.0,
    colours: str = "style",
    start: str | Tensor = "content",
    optimizer: str = "lbfgs",
    steps: int = 100,
    rate: float = 0.02,
    low: float = 0.0,
    high: float = 1.0,
    seed: int = 0,
    watch: Watch | None = None,
    precision: str = "fp32",
    progress: bool = False,
    cache: bool = False,
    **reading: Unpack[Reading],
) -> Styled:
    """Find one picture with the content of one picture and the style of others.

    Args:
        model: takes (1, C, H, W) with values low..high.
        content: (C, H, W); the result has its size.
        styles: one picture or several, of any size.
        content_layers: layers, or {layer: weight}.
        style_layers: layers, or {layer: weight}.
        blend: weights of several styles; equal by default.
        content_weight: of all content layers together.
        style_weight: of all style layers together.
        smooth: weight of the total variation per value.
        colours: "style"; "luminance": brightness of the result, colours of the content; "histogram": mean and
            spread of the styles' colours are fitted to the content's beforehand (Gatys et al., 2016b).
        start: "content", "noise", or a picture of the content's size.
        optimizer: "lbfgs" or "adam".
        steps: evaluations of the network, forward and back.
        rate: of Adam, as a part of high - low.
        low: the lowest value.
        high: the highest value.
        seed: of the noise.
        watch: called as watch(evaluation, picture (C, H, W), loss).
        precision: of the network's convolutions: "fp32", "bf16", or "auto", which is bf16 where the processor has it;
            losses are fp32 always.
        progress: show a bar.
        cache: keep the result on disk and give it back at once when the same is asked again.
        **reading: axes of layers, extra inputs, the part of the output; see `Reading`.

    Raises:
        UserError: unknown layer or option, pictures that do not fit, NaN.

    """
    device, dtype = device_and_dtype(model)
    target = one_input(content, "content").to(device, dtype)
    given = [styles] if isinstance(styles, Tensor) and styles.dim() < 4 else list(styles)
    paintings = [one_input(style, f"style {i}").to(device, dtype) for i, style in enumerate(given)]
    if not paintings:
        raise UserError("stylize needs at least one style")
    shares = [1.0] * len(paintings) if blend is None else list(blend)
    if len(shares) != len(paintings) or not sum(shares) > 0:
        raise UserError(f"blend: {len(shares)} weights for {len(paintings)} styles; give one each, with a positive sum")
    for name, value, choices in (
        ("precision", precision, ("auto", "fp32", "bf16")),
        ("colours", colours, ("style", "luminance", "histogram")),
        ("optimizer", optimizer, ("lbfgs", "adam")),
    ):
        if value not in choices:
            raise UserError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    if steps < 1:
        raise UserError("stylize needs at least 1 step")
    if colours == "histogram":
        paintings = [match_colours(painting, target) for painting in paintings]
    first = _start(start, target, low, high, seed)
    ask = _Ask(_weights(content_layers), _weights(style_layers), content_weight, style_weight, smooth)

    def compute() -> dict[str, Tensor]:
        with opened(model, reading) as subject:
            picture, history = _solve(
                subject, ask, target, paintings, [share / sum(shares) for share in shares],
                first, optimizer, steps, rate, (low, high), watch, progress, use_bf16(precision, device),
            )  # fmt: skip
        if colours == "luminance":
            picture = luminance_of(picture, target).clamp(low, high)
        return {"picture": picture[0].cpu(), "history": history}

    if not cache or watch is not None:
        return Styled(**compute())
    asked = (
        ask,
        target,
        paintings,
        shares,
        first,
        colours,
        optimizer,
        steps,
        rate,
        low,
        high,
        use_bf16(precision, device),
        dict(reading),
    )
    return Styled(**remember("style", unwrapped(model), asked, compute))


@dataclass(frozen=True)
class _Ask:
    content_layers: dict[str, float]
    style_layers: dict[str, float]
    content_weight: float
    style_weight: float
    smooth: float


def _weights(layers: Mapping[str, float] | Sequence[str]) -> dict[str, float]:
    """{layer: weight}, the weights with sum 1."""
    if isinstance(layers, str):
        layers = [layers]
    weights = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    total = sum(weights.values())
    return {layer: weight / total for layer, weight in weights.items()} if total else {}


def _start(start: str | Tensor, target: Tensor, low: float, high: float, seed: int) -> Tensor:
    if isinstance(start, Tensor):
        first = one_input(start, "start").to(target)
        if first.shape[1] != target.shape[1]:
            raise UserError(f"start has {first.shape[1]} channels, the content {target.shape[1]}")
        return resize(first, target.shape[2:])
    if start == "content":
        return target.clone()
    if start == "noise":
        noise = torch.rand(target.shape, generator=torch.Generator().manual_seed(seed))
        return (low + (high - low) * (0.4 + 0.2 * noise)).to(target)
    raise UserError(f"start must be content, noise or a picture, not {start!r}")


def _solve(
    model: nn.Module,
    ask: _Ask,
    target: Tensor,
    paintings: Sequence[Tensor],
    shares: Sequence[float],
    first: Tensor,
    optimizer: str,
    steps: int,
    rate: float,
    values: tuple[float, float],
    watch: Watch | None,
    progress: bool,
    bf16: bool,
) -> tuple[Tensor, Tensor]:
    low, high = values
    span = high - low
    layers = list(dict.fromkeys([*ask.content_layers, *ask.style_layers]))
    if not layers:
        raise UserError("stylize needs a content or a style layer with a positive weight")
    history: list[float] = []
    bar = console.progress("style", total=steps) if progress else None
    with tapped(model, layers, target) as run_as_it_is:

        def run(x: Tensor) -> dict[str, Tensor]:
            with autocast("bf16" if bf16 else "fp32", x.device):
                return {layer: h.to(x.dtype) for layer, h in run_as_it_is(x).items()}

        with torch.no_grad():
            seen = run(target)
            contents = {layer: seen[layer] for layer in ask.content_layers}
            grams = {layer: torch.zeros(()) for layer in ask.style_layers}
            for painting, share in zip(paintings, shares, strict=True):
                seen = _seen(run, painting)
                grams = {layer: share * gram(seen[layer]) + grams[layer].to(painting) for layer in grams}
        free = ((first - low) / span).clone().requires_grad_()  # in units of the range: one rate fits all

        def evaluate() -> tuple[Tensor, Tensor]:
            picture = free * span + low
            seen = run(picture)
            loss = picture.new_zeros(())
            for layer, weight in ask.content_layers.items():
                loss = loss + ask.content_weight * weight * _relative(seen[layer], contents[layer])
            for layer, weight in ask.style_layers.items():
                loss = loss + ask.style_weight * weight * _relative(gram(seen[layer]), grams[layer])
            if ask.smooth:
                loss = loss + TotalVariation(ask.smooth / free[0].numel())(free).sum()
            value = float(loss.detach())
            if not value < float("inf"):
                raise UserError(f"the loss is not a number at step {len(history)}: lower the rate or the weights")
            history.append(value)
            (gradient,) = torch.autograd.grad(loss, free)
            if watch is not None:
                watch(len(history) - 1, picture.detach()[0].clamp(low, high).cpu(), value)
            if bar is not None:
                bar.update()
            return loss.detach(), gradient

        try:
            if optimizer == "adam":
                _adam(free, evaluate, steps, rate)
            else:
                _lbfgs(free, evaluate, steps)
        finally:
            if bar is not None:
                bar.close()
    return (free.detach() * span + low).clamp(low, high), torch.tensor(history)


def _seen(run: Callable[[Tensor], dict[str, Tensor]], painting: Tensor) -> dict[str, Tensor]:
    """What the layers give for a style. Raises UserError for a picture that is too small for the deepest of them."""
    try:
        return run(painting)
    except RuntimeError as error:
        if "too small" not in str(error) and "can't be greater than actual input size" not in str(error):
            raise
        size = " x ".join(map(str, painting.shape[2:]))
        raise UserError(f"a style of {size} pixels is too small for the layers asked for; use a larger one") from error


def _relative(found: Tensor, target: Tensor) -> Tensor:
    return (found - target).square().sum() / target.square().sum().clamp(min=1e-12)


def _adam(free: Tensor, evaluate: Callable[[], tuple[Tensor, Tensor]], steps: int, rate: float) -> None:
    climber = Adam([free], rate)
    for _ in range(steps):
        _, gradient = evaluate()
        climber.step([-gradient])
        with torch.no_grad():
            free.clamp_(0, 1)


class _Enough(Exception):
    """The evaluations are used up; a line search does not count them itself."""


def _lbfgs(free: Tensor, evaluate: Callable[[], tuple[Tensor, Tensor]], steps: int) -> None:
    # The lowest found is kept: the budget may end in the middle of a line search.
    best, lowest, count = free.detach().clone(), float("inf"), 0
    solver = torch.optim.LBFGS(
        [free],
        max_iter=steps,
        max_eval=steps,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        nonlocal lowest, count
        if count == steps:
            raise _Enough
        count += 1
        loss, free.grad = evaluate()
        if float(loss) < lowest:
            lowest = float(loss)
            best.copy_(free.detach())
        return loss

    with suppress(_Enough):
        solver.step(closure)  # type: ignore[arg-type]  # the stub wants a float; the solver calls float() itself
    with torch.no_grad():
        free.copy_(best)

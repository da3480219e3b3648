"""The sound that excites a unit of a speech network most. Letters: B batch, L samples, P points in time."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from apps.speech.signal.audio import LENGTH
from apps.speech.signal.frames import BANDS
from apps.speech.signal.spectrum import mel_filters
from cnn_core import visual
from cnn_core.errors import UserError
from cnn_core.runs import Run
from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
from cnn_core.visual.optimization.objectives import Objective

POINTS = 51  # loudnesses of a band, one every 20 ms
SOFTEST = -8.0  # natural logarithm of the softest amplitude; the loudest is 0


@cache
def carriers() -> Tensor:
    """(40, L) a second of noise in each mel band, all of one loudness; always the same."""
    noise = torch.randn(LENGTH, generator=torch.Generator().manual_seed(0x5EED))
    filters = functional.interpolate(mel_filters().T[None], LENGTH // 2 + 1, mode="linear", align_corners=True)[0]
    bands = torch.fft.irfft(torch.fft.rfft(noise) * filters.sqrt(), LENGTH)
    return bands / bands.square().mean(1, keepdim=True).sqrt()


@dataclass(frozen=True, eq=False)
class Sounds:
    """A canvas of sounds (B, L) in the range of int16: noise in 40 bands, whose loudness over time is optimised.

    Whatever the parameters are, the result is a sound that can be played, with nothing above or below hearing.
    """

    def start(self, count: int, generator: torch.Generator) -> list[Tensor]:
        """Loudnesses (count, 40, P), 0 (softest) to 1, near a soft hiss."""
        return [0.35 + 0.05 * torch.randn((count, BANDS, POINTS), generator=generator)]

    def render(self, parameters: list[Tensor], done: float = 1.0) -> Tensor:
        """See cnn_core.visual.optimization.canvas.Canvas."""
        (loudness,) = parameters
        with torch.no_grad():
            loudness.clamp_(0, 1)
        amplitude = ((loudness - 1) * -SOFTEST).exp()
        over_time = functional.interpolate(amplitude, LENGTH, mode="linear", align_corners=True)  # (B, 40, L)
        sound = torch.einsum("bcl,cl->bl", over_time, carriers().to(loudness.device))
        return 8000 * functional.softsign(sound) * 4  # below 32,000 however many bands are loud


def maximize(
    run: Run, objectives: list[Objective], config: MaximizeConfig, *, seed: int = 0, progress: bool = False
) -> Maximized:
    """Sounds (L,) int16, found by gradient ascent through the front end.

    Raises UserError for options that only apply to pictures.
    """
    if config.robust != "none" or config.fourier or config.tv:
        raise UserError("--robust, --fourier and --tv are for pictures; sounds are made of 40 bands and stay smooth")
    penalties = [
        kind(weight, unit=32768) for kind, weight in ((visual.L1, config.l1), (visual.L2, config.l2)) if weight
    ]
    found = visual.optimize(
        run.model,
        objectives,
        Sounds(),
        steps=config.steps,
        penalties=penalties,
        copies=config.copies,
        variety=1.0 if config.copies > 1 else 0.0,
        seed=seed,
        progress=progress,
    )
    samples = found.inputs.round().clamp(-32768, 32767).to(torch.int16)
    each = [objective for objective in objectives for _ in range(config.copies)]
    after = visual.values(run.model, each, samples.float())  # of the very sound that is shown
    return Maximized(list(samples.cpu().numpy()), found.before.tolist(), after.tolist())

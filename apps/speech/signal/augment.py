"""Random changes of training clips, a whole batch at a time, on its device.

Speed, tempo and vocal-tract length are changed without resampling: the transform's frames are taken closer together
or further apart (tempo), and the mel filters sit higher or lower (pitch and formants, Jaitly & Hinton 2013). A batch
is cut into small groups, each with one draw of these. Letters: B batch, b group, L samples, T frames.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.speech.config import Augment
from apps.speech.signal.audio import LENGTH, RATE
from apps.speech.signal.frames import BANDS, FRAMES, HOP
from apps.speech.signal.spectrum import power_spectrum

GROUP = 8  # clips that share one tempo and one set of filters
WARPS = 33  # sets of filters made ahead
NOISE_SECONDS = 40
FULL = 32768  # int16's full scale


class Augmentation(nn.Module):
    """Clips (B, L) int16 to energies of mel bands (B, 40, 101), changed at random by `config`."""

    noise: Tensor
    filters: Tensor
    window: Tensor

    def __init__(self, config: Augment, filters: Tensor, window: Tensor):
        super().__init__()
        self.config = config
        self.spread = math.log1p(config.warp) + math.log1p(config.speed)  # largest logarithm of the filters' places
        places = torch.linspace(-self.spread, self.spread, WARPS).exp() if self.spread else torch.ones(1)
        bank = torch.stack([warped(filters, float(p)) for p in places]) / FULL**2  # samples stay in int16's range
        self.register_buffer("filters", bank, persistent=False)
        self.register_buffer("window", window.clone(), persistent=False)
        if config.noise:
            self.register_buffer("noise", coloured_noise(NOISE_SECONDS), persistent=False)
        fastest = (1 + config.speed) * (1 + config.tempo)
        reach = FRAMES // 2 * math.ceil(HOP * fastest) + len(window) // 2  # of the frames, from the middle of a clip
        self.side = max(reach - LENGTH // 2, 0)

    def forward(self, samples: Tensor) -> Tensor:
        """(B, L) -> (B, 40, 101)."""
        config = self.config
        parts = []
        for few in samples.split(GROUP):  # from the first step on: so much stays in the processor's cache
            part = self._shift(few)  # (b, L + 2 sides) floats
            if config.noise:
                part = self._noise(part)
            if config.clip:
                part = self._clip(part)
            speed, tempo, warp = (_one_factor(size) for size in (config.speed, config.tempo, config.warp))
            hop = max(round(HOP * speed * tempo), 1)
            start = (part.shape[1] - len(self.window)) // 2 - (FRAMES // 2) * hop
            frames = part[:, start:].unfold(1, len(self.window), hop)[:, :FRAMES]  # (b, T, 512)
            place = 0
            if self.spread:
                place = round((math.log(speed * warp) / self.spread + 1) / 2 * (WARPS - 1))
            energy = power_spectrum(frames, self.window) @ self.filters[place]  # (b, T, 40)
            if config.reverb:
                energy = self._reverberate(energy)
            parts.append(energy.transpose(1, 2))
        energy = torch.cat(parts)
        if config.channel or config.gain:
            energy = energy * self._response(len(energy), energy.device)
        return energy

    def _shift(self, samples: Tensor) -> Tensor:
        """Samples as floats between silence, moved by up to `shift` seconds."""
        count, length = samples.shape
        most = round(self.config.shift * RATE)
        x = samples.new_zeros((count, length + 2 * self.side), dtype=torch.float32)
        if not most:
            x[:, self.side : self.side + length] = samples
            return x
        moves = torch.randint(-most, most + 1, (count,)).tolist()
        for row, move in enumerate(moves):
            start = self.side + move
            first, last = max(start, 0), min(start + length, x.shape[1])
            x[row, first:last] = samples[row, first - start : last - start]
        return x

    def _noise(self, x: Tensor) -> Tensor:
        """Add noise of a random colour at a random ratio to the loud part of each clip."""
        config, (count, length) = self.config, x.shape
        # The word fills about half of a clip, and a silent clip gets noise of a usual loudness.
        power = (torch.linalg.vector_norm(x, dim=1).square() / (LENGTH / 2)).clamp_min(1e-5 * FULL**2)
        low, high = config.snr
        snr = low + (high - low) * torch.rand(count, device=x.device)
        scale = (power * 10 ** (-snr / 10)).sqrt() * (torch.rand(count, device=x.device) < config.noise)
        starts = torch.randint(0, len(self.noise) - length, (count,))
        for row, (start, size) in enumerate(zip(starts.tolist(), scale.tolist(), strict=True)):
            if size:
                x[row].add_(self.noise[start : start + length], alpha=size)  # the noise has power 1
        return x

    def _clip(self, x: Tensor) -> Tensor:
        """Some clips louder than full scale by up to 20 dB, cut off there, and as loud as before."""
        on = torch.rand(len(x), 1, device=x.device) < self.config.clip
        peak = x.abs().amax(1, keepdim=True).clamp_min(1)
        most = peak * 10 ** (-torch.rand(len(x), 1, device=x.device))  # where it is cut off
        return torch.where(on, x.clamp(-most, most) * (peak / most).sqrt(), x)

    def _reverberate(self, energy: Tensor) -> Tensor:
        """(b, T, 40): energies that die away exponentially after each frame (Polack's model of late reverberation)."""
        if torch.rand(()).item() >= self.config.reverb:
            return energy
        seconds = 0.1 + 0.5 * torch.rand(()).item()  # until 60 dB are gone
        wet = 0.5 * torch.rand(()).item()
        lag = torch.arange(energy.shape[1], device=energy.device)
        delay = (lag[:, None] - lag).clamp_min(0) * 0.01  # seconds
        decay = torch.exp(-math.log(1e6) / seconds * delay).tril(-1)  # (T, T)
        decay = decay * (wet / decay[-1].sum()) + torch.eye(len(lag), device=energy.device)
        return decay @ energy

    def _response(self, count: int, device: torch.device) -> Tensor:
        """(B, 40, 1) factors of the energies: loudness, a tilt, and a cut at a random band."""
        bands = torch.arange(BANDS, device=device)

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(count, 1, device=device)

        decibel = uniform(-self.config.gain, self.config.gain)
        on = torch.rand(count, 1, device=device) < self.config.channel
        tilt = uniform(-10, 10) * (bands / 39 - 0.5)
        cut = uniform(23, 44)  # band 23 lies at 2.5 kHz, 30 at 4 kHz
        beyond = (bands - cut).clamp_min(0) * uniform(3, 30)
        beneath = (uniform(-6, 4) - bands).clamp_min(0) * uniform(2, 10)
        decibel = decibel + on * (tilt - beyond.clamp_max(90) - beneath)
        return (10 ** (decibel / 10))[:, :, None]


def mask(features: Tensor, config: Augment) -> Tensor:
    """SpecAugment (Park et al. 2019) on (B, bands, T): hidden stretches take the clip's mean."""
    count, bands, frames = features.shape
    device = features.device
    hidden = torch.zeros((), dtype=torch.bool, device=device)

    def stretches(number: int, most: int, size: int) -> Tensor:  # (B, size) bool
        width = torch.rand(count, number, 1, device=device) * min(most, size)
        start = torch.rand(count, number, 1, device=device) * (size - width)
        places = torch.arange(size, device=device)
        return ((places >= start) & (places < start + width)).any(1)

    if config.time_masks and config.time_width:
        hidden = hidden | stretches(config.time_masks, config.time_width, frames)[:, None, :]
    if config.band_masks and config.band_width:
        hidden = hidden | stretches(config.band_masks, config.band_width, bands)[:, :, None]
    return torch.where(hidden, features.mean((1, 2), keepdim=True), features)


def _one_factor(size: float) -> float:
    """A factor between 1 / (1 + size) and 1 + size, evenly on a logarithmic scale."""
    return math.exp((2 * torch.rand(()).item() - 1) * math.log1p(size)) if size else 1.0


def warped(filters: Tensor, factor: float) -> Tensor:
    """(257, 40) filters for a signal whose frequencies are to be multiplied by `factor`."""
    bins = torch.arange(len(filters), dtype=torch.float64) * factor
    low = bins.floor().long()
    share = (bins - low)[:, None].to(filters.dtype)
    padded = functional.pad(filters, (0, 0, 0, max(int(low.max()) + 2 - len(filters), 0)))
    # The filters keep their sums, so that the level does not change with their width.
    return (padded[low] * (1 - share) + padded[low + 1] * share) * factor


def coloured_noise(seconds: int, seed: int = 0x5EED) -> Tensor:
    """(samples,) noise of mean power 1 in every second, from brown (falling by 6 dB an octave) to white and blue."""
    generator = torch.Generator().manual_seed(seed)
    count = RATE
    frequency = torch.fft.rfftfreq(count, 1 / RATE).clamp_min(50.0)
    slopes = torch.rand(seconds, 1, generator=generator) * 1.5 - 1.0  # exponent of the amplitude
    spectrum = torch.fft.rfft(torch.randn(seconds, count, generator=generator)) * frequency**slopes
    noise = torch.fft.irfft(spectrum, count)
    return (noise / noise.square().mean(1, keepdim=True).sqrt()).flatten()

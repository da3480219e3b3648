"""The front end beside torchaudio, and what augmentation does to known sounds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchaudio
from hypothesis import given
from hypothesis import strategies as st

from apps.speech.config import HARD, Augment, FrontConfig
from apps.speech.front import LogMel
from apps.speech.signal.augment import coloured_noise, mask, warped
from apps.speech.signal.frames import BANDS
from apps.speech.signal.spectrum import mel_filters
from cnn_core.errors import UserError


def voices(count, seed=0):
    """Sums of harmonics with a moving pitch, (count, 16000) int16."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(16_000) / 16_000
    pitch = 80 + 200 * torch.rand(count, 1, generator=generator)
    phase = 2 * torch.pi * pitch * (time + 0.1 * time**2)
    sound = sum(torch.sin(k * phase) / k for k in range(1, 20))
    return (sound * torch.sin(torch.pi * time) ** 2 * 6000).to(torch.int16)


def tone(hertz, level=8000.0):
    return (level * torch.sin(2 * torch.pi * hertz * torch.arange(16_000) / 16_000)).to(torch.int16)[None]


def reference(samples, **options):
    mel = torchaudio.transforms.MelSpectrogram(16_000, 512, 480, 160, n_mels=40, **options)
    return mel(samples.float() / 32768)


@pytest.fixture
def front():
    return LogMel(FrontConfig()).eval()


def test_it_is_torchaudios_log_mel(front):
    sounds = torch.cat([voices(20), torch.randint(-32768, 32767, (3, 16_000), dtype=torch.int16), tone(3000)])
    energy = front.energy(sounds.float() / 32768)
    expected = reference(sounds)
    torch.testing.assert_close(energy, expected, rtol=1e-5, atol=1e-7 * float(expected.max()))
    found = front(sounds)
    assert found.shape == (24, 1, 40, 101)
    torch.testing.assert_close(found[:, 0], (energy + 1e-6).log())
    torch.testing.assert_close(front(sounds.float()), found)  # floats in the range of int16 are taken too


def test_it_is_torchaudios_mfcc():
    sounds = voices(4)
    mfcc = torchaudio.transforms.MFCC(
        16_000, 13, log_mels=True, melkwargs={"n_fft": 512, "win_length": 480, "hop_length": 160, "n_mels": 40}
    )
    found = LogMel(FrontConfig(kind="mfcc", coefficients=13)).eval()(sounds)
    assert found.shape == (4, 1, 13, 101)
    torch.testing.assert_close(found[:, 0], mfcc(sounds.float() / 32768), rtol=1e-3, atol=5e-3)


def test_the_exported_products_give_the_same(front, monkeypatch):
    sounds = torch.cat([voices(5), tone(100), tone(7900), tone(50, 3)]).float() / 32768
    expected = front.energy(sounds)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    torch.testing.assert_close(front.energy(sounds), expected, rtol=1e-5, atol=1e-7 * float(expected.max()))


def test_relative_levels_do_not_hear_loudness():
    front = LogMel(FrontConfig(level="relative", floor=1e-3)).eval()
    sounds = voices(3)
    torch.testing.assert_close(front(sounds), front(sounds.float() / 10), rtol=0, atol=2e-2)
    silence = front(torch.zeros(1, 16_000, dtype=torch.int16))
    assert torch.isfinite(silence).all()
    assert silence.max() - silence.min() < 1e-5


@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_a_tone_excites_its_own_band(front, hertz):
    mel = 2595 * np.log10(1 + hertz / 700)
    band = mel / 2840.02 * 41 - 1
    assert abs(int(front(tone(hertz))[0, 0, :, 50].argmax()) - band) <= 1


def test_without_augmentation_training_is_evaluation(front):
    sounds = voices(3)
    assert torch.equal(front.train()(sounds), front.eval()(sounds))


def test_an_augmentation_of_nothing_changes_nothing(front):
    """The path by which clips are changed, with changes too small to be seen."""
    sounds = voices(9)
    near = LogMel(FrontConfig(), Augment(gain=1e-9)).train()(sounds)
    inside = slice(2, -2)  # at the edges, silence is taken for what evaluation reflects
    torch.testing.assert_close(near[..., inside], front(sounds)[..., inside], rtol=1e-4, atol=1e-4)


def changed(sounds, seed=0, **amounts):
    torch.manual_seed(seed)
    return LogMel(FrontConfig(), Augment(**amounts)).train()(sounds)[:, 0]


def test_gain_moves_all_bands_alike(front):
    found = changed(tone(1000), 1, gain=10.0) - front(tone(1000))[:, 0]
    loud = front(tone(1000))[:, 0] > -5
    moved = found[..., 3:-3][loud[..., 3:-3]]  # at the edges, silence is taken for what evaluation reflects
    assert moved.std() < 0.01
    assert 0.05 < moved.abs().mean() < 10 * np.log(10) / 10


def test_shift_moves_the_sound_in_time(front):
    click = torch.zeros(40, 16_000, dtype=torch.int16)
    click[:, 8000] = 30_000
    found = changed(click, shift=0.1)
    places = found.sum(1).argmax(1)
    assert places.min() >= 39
    assert places.max() <= 61
    assert places.float().std() > 3


def test_noise_has_the_ratio_that_is_asked_for(front):
    sounds = voices(60)
    clean = reference(sounds).sum((1, 2))
    for snr in (0.0, 20.0):
        noisy = changed(sounds, noise=1.0, snr=(snr, snr)).exp().sum((1, 2))
        # The word counts as half a second; mel bands weigh frequencies, so only the order of size is certain.
        added = ((noisy - clean) / clean).median()
        assert 0.2 < added / (2 * 10 ** (-snr / 10)) < 5
    some = changed(sounds, noise=0.5, snr=(0.0, 0.0))[:, :, :3].mean((1, 2))
    assert 10 < (some > -8).sum() < 50


def test_silence_gets_noise_too(front):
    found = changed(torch.zeros(8, 16_000, dtype=torch.int16), noise=1.0)
    assert (found.mean((1, 2)) > np.log(1e-6) + 0.1).all()


def test_speed_moves_pitch_and_tempo_together():
    sound = torch.zeros(1, 16_000, dtype=torch.int16)
    sound[0, 2000::3000] = 20_000
    for seed in range(6):
        found = changed(sound, seed, speed=0.3)[0].mean(0)
        peaks = torch.nonzero((found[1:-1] > found[:-2]) & (found[1:-1] >= found[2:]) & (found[1:-1] > -12))[:, 0]
        gap = float(peaks.diff().float().median()) * 160 / 3000
        pitch = changed(tone(1000), seed, speed=0.3)[0, :, 50].argmax()
        band = 2595 * np.log10(1 + 1000 / gap / 700) / 2840.02 * 41 - 1
        assert abs(float(pitch) - band) <= 1.6


def test_warp_moves_pitch_alone():
    bands = {int(changed(tone(1000), seed, warp=0.3)[0, :, 50].argmax()) for seed in range(12)}
    assert len(bands) > 2
    click = torch.zeros(1, 16_000, dtype=torch.int16)
    click[0, 8000] = 30_000
    assert {int(changed(click, seed, warp=0.3)[0].mean(0).argmax()) for seed in range(6)} == {50}


def test_warped_filters_move_by_the_factor():
    filters = mel_filters()
    torch.testing.assert_close(warped(filters, 1.0), filters)
    places = torch.arange(257, dtype=torch.float32)
    centre = (filters * places[:, None]).sum(0) / filters.sum(0)
    for factor in (0.8, 1.25):
        moved = warped(filters, factor)
        found = (moved * places[:, None]).sum(0) / moved.sum(0)
        inside = centre / factor < 230
        torch.testing.assert_close(found[inside][5:], (centre / factor)[inside][5:], rtol=0.05, atol=0.3)


def test_a_room_lets_sound_die_away_slowly(front):
    click = torch.zeros(16, 16_000, dtype=torch.int16)
    click[:, 8000] = 30_000
    dry, wet = front(click)[:, 0], changed(click, 3, reverb=1.0)
    assert (wet[:, :, 55:60].mean((1, 2)) > dry[:, :, 55:60].mean((1, 2)) + 0.5).any()
    torch.testing.assert_close(wet[:, :, :48], dry[:, :, :48], rtol=1e-3, atol=1e-3)  # nothing before the sound


def test_a_microphone_cuts_high_frequencies_of_some(front):
    white = torch.randint(-8000, 8000, (60, 16_000), dtype=torch.int16)
    change = (changed(white, channel=0.5) - front(white)[:, 0])[:, :, 20:80].mean(2)  # (60, 40)
    assert 15 < (change.abs().amax(1) > 0.5).sum() < 45
    assert change[:, 39].min() < change[:, 10].min() - 3


def test_masks_hide_whole_bands_and_frames():
    features = torch.randn(30, 40, 101)
    hidden = mask(features, Augment(time_masks=2, time_width=20, band_masks=2, band_width=8)) != features
    columns, rows = hidden.all(1).sum(1), hidden.all(2).sum(1)
    assert columns.max() <= 40
    assert rows.max() <= 16
    assert columns.float().mean() > 8
    assert rows.float().mean() > 3
    only = hidden.all(1)[:, None, :] | hidden.all(2)[:, :, None]
    assert torch.equal(only, hidden)


def test_the_same_seed_gives_the_same_changes():
    sounds = voices(20)
    front = LogMel(FrontConfig(), HARD).train()

    def run(seed):
        torch.manual_seed(seed)
        return front(sounds)

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@pytest.mark.slow
@given(st.integers(1, 20), st.integers(0, 10**6))
def test_any_batch_can_be_changed(count, seed):
    torch.manual_seed(seed)
    hardest = replace(HARD, speed=0.5, tempo=0.5, warp=0.5, shift=0.5, snr=(-10.0, 0.0))
    found = LogMel(FrontConfig(), hardest).train()(voices(count, seed))
    assert found.shape == (count, 1, BANDS, 101)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.31, 0.5, 0.77, 0.9, 1.0])
@pytest.mark.parametrize("amount", [0.15, 0.33, 0.5])
def test_the_frames_of_every_tempo_lie_within_the_clip(monkeypatch, share, amount):
    monkeypatch.setattr("apps.speech.signal.augment._one_factor", lambda size: (1 + size) ** (2 * share - 1))
    found = changed(voices(2), speed=amount, tempo=amount)
    assert found.shape == (2, BANDS, 101)
    middle = found.exp().sum(1)[:, 30:70].sum(1)
    assert (middle > found.exp().sum((1, 2)) * 0.3).all()  # the sound stays in the middle


def test_noise_has_many_colours_and_one_loudness():
    noise = coloured_noise(12).view(12, 16_000)
    torch.testing.assert_close(noise.square().mean(1), torch.ones(12), rtol=1e-3, atol=1e-3)
    spectrum = torch.fft.rfft(noise).abs().square()
    tilt = (spectrum[:, 4000:].mean(1) / spectrum[:, 100:1000].mean(1)).log()
    assert tilt.max() - tilt.min() > 2


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Augment, {"noise": 2}, "augment.noise"),
        (Augment, {"shift": 0.9}, "augment.shift"),
        (Augment, {"snr": (10.0, 0.0)}, "augment.snr"),
        (Augment, {"time_masks": -1}, "augment.time_masks"),
        (FrontConfig, {"coefficients": 50}, "front.coefficients"),
        (FrontConfig, {"floor": 0}, "front.floor"),
    ],
    ids=["noise", "shift", "snr", "masks", "coefficients", "floor"],
)
def test_impossible_values_are_named(kind, values, message):
    with pytest.raises(UserError, match=message):
        kind(**values)


def test_what_is_drawn_is_what_the_network_sees():
    from apps.speech.render import log_mel

    samples = (np.random.default_rng(0).normal(size=16_000) * 3000).clip(-32768, 32767).astype(np.int16)
    with torch.no_grad():
        expected = LogMel(FrontConfig()).eval()(torch.from_numpy(samples)[None])[0, 0].numpy()
    np.testing.assert_allclose(log_mel(samples), expected, atol=2e-3)
    assert log_mel(np.zeros(16_000, np.int16)).shape == (40, 101)

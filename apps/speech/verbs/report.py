"""What evaluate adds for speech: accuracy by speaker and by noise, and the detection-error trade-off.

Letters: N clips, C words.
"""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import torch

from apps.speech.corpora.clips import Clips
from apps.speech.signal.augment import coloured_noise
from cnn_core.console import counted
from cnn_core.drawing import report as pictures
from cnn_core.drawing.tables import table
from cnn_core.metrics.classes import log_softmax, wilson_interval
from cnn_core.training.data import Dataset
from cnn_core.training.inference import predict_logits

RATIOS = (30, 20, 10, 5, 0, -5)  # signal to noise, dB
MOST = 2000  # clips that are evaluated again in each noise


def report(run: Any, data: Dataset, logits: torch.Tensor, folder: Path) -> tuple[dict[str, Any], str]:
    """Numbers and text for evaluate; det.png and noise.png into `folder`."""
    test = data.test
    assert isinstance(test, Clips)
    probabilities = np.exp(log_softmax(logits.numpy()))  # (N, C)
    targets = test.targets.numpy()
    right = probabilities.argmax(1) == targets
    counts = np.bincount(targets, minlength=len(run.labels))
    listed = " ".join(f"{label} {count}" for label, count in zip(run.labels, counts, strict=True))
    blocks = [f"test set: {data.name}, {counted(len(test), 'clip')}: {listed}"]
    speakers = by_speaker(test, right)
    if speakers:
        worst = speakers[:12]
        rows = [[s["speaker"], s["clips"], f"{s['accuracy']:.2%}"] for s in worst]
        title = "speaker" if len(speakers) <= 12 else f"12 worst of {len(speakers)} speakers"
        blocks.append(table([title, "clips", "accuracy"], rows))
    false_alarms, misses, equal = detection_errors(probabilities, targets)
    pictures.save(draw_detection(false_alarms, misses, equal), folder / "det.png")
    noise = by_noise(run.model, test, run.config.fit.precision, float(right.mean()))
    pictures.save(draw_noise(noise), folder / "noise.png")
    rows = [["none" if n["snr"] is None else f"{n['snr']} dB", f"{n['accuracy']:.2%}"] for n in noise]
    blocks.append(table(["noise (SNR)", "accuracy"], rows))
    blocks.append(
        f"listed words only: equal error rate of telling one word from the others {equal:.2%}; of other speech and of"
        " noise it says nothing"
    )
    found = {"test_set": {"name": data.name, "counts": dict(zip(run.labels, counts.tolist(), strict=True))}}
    found |= {"speakers": speakers, "noise": noise, "equal_error_rate": equal}
    return found, "\n\n".join(blocks)


def by_speaker(test: Clips, right: np.ndarray) -> list[dict[str, Any]]:
    """Accuracy of each speaker with its 95 % interval, the lowest first; empty for data without speakers."""
    if not test.names:
        return []
    speakers = test.speakers.numpy()
    rows = []
    for number in np.unique(speakers):
        answers = right[speakers == number]
        low, high = wilson_interval(int(answers.sum()), len(answers))
        rows.append(
            {
                "speaker": test.names[number],
                "clips": len(answers),
                "accuracy": float(answers.mean()),
                "accuracy_interval": [low, high],
            }
        )
    return sorted(rows, key=lambda row: (row["accuracy"], row["speaker"]))


def detection_errors(probabilities: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """False alarm and miss rates (K,) as the threshold rises, and the rate where they are equal (0..1).

    Every (clip, word) pair is one trial (Martin et al. 1997, over a closed set of words).
    """
    positive = np.zeros(probabilities.shape, bool)
    positive[np.arange(len(targets)), targets] = True
    scores, hits = probabilities.ravel(), positive.ravel()
    order = np.argsort(scores, kind="stable")
    scores, hits = scores[order], hits[order]
    last = np.flatnonzero(np.diff(scores, append=np.inf))  # one threshold above each different score
    misses = np.concatenate([[0.0], np.cumsum(hits)[last] / hits.sum()])
    false_alarms = np.concatenate([[1.0], 1 - np.cumsum(~hits)[last] / (~hits).sum()])
    cross = int(np.argmax(misses >= false_alarms))
    return false_alarms, misses, float((misses[cross] + false_alarms[cross]) / 2)


def by_noise(model: Any, test: Clips, precision: str, clean: float) -> list[dict[str, Any]]:
    """Accuracy of the clips with noise of every colour added, at falling signal-to-noise ratios (fixed seed)."""
    rows: list[dict[str, Any]] = [{"snr": None, "accuracy": clean}]
    clips = test.subset(torch.linspace(0, len(test) - 1, min(len(test), MOST)).round().long())
    samples = clips.inputs.float()
    power = samples.square().sum(1) / (samples.shape[1] / 2)  # a word fills about half of its clip
    noise = coloured_noise(60, seed=1)
    generator = torch.Generator().manual_seed(1)
    starts = torch.randint(0, len(noise) - samples.shape[1], (len(clips),), generator=generator).tolist()
    cuts = torch.stack([noise[start : start + samples.shape[1]] for start in starts])
    for ratio in RATIOS:
        scale = (power * 10 ** (-ratio / 10)).sqrt()
        noisy = (samples + cuts * scale[:, None]).round().clamp(-32768, 32767).to(torch.int16)
        answers = predict_logits(model, noisy, precision=precision).argmax(1)
        rows.append({"snr": ratio, "accuracy": float((answers == clips.targets).double().mean())})
    return rows


@pictures.styled
def draw_detection(false_alarms: np.ndarray, misses: np.ndarray, equal: float) -> Any:
    """The trade-off on normal deviate scales, on which Gaussian scores give a straight line."""
    figure = pictures.new_figure(4.4, 4.2)
    axes = figure.add_subplot()
    ticks = (0.001, 0.01, 0.05, 0.2, 0.5)
    normal = NormalDist()

    def place(rate: float) -> float:
        return normal.inv_cdf(min(max(rate, 0.0003), 0.9))

    shown = [(place(a), place(b)) for a, b in zip(false_alarms, misses, strict=True)]
    axes.plot(*zip(*shown, strict=True), color=pictures.BLUE)
    axes.plot(
        place(equal), place(equal), "o", color=pictures.ORANGE, label=f"equal error rate {equal:.2%}, listed words only"
    )
    low, high = place(0.0003), place(0.6)
    axes.plot([low, high], [low, high], color=pictures.GREY, linewidth=1, linestyle=(0, (4, 3)))
    for axis, name in ((axes.xaxis, "false alarms"), (axes.yaxis, "misses")):
        axis.set_ticks([place(t) for t in ticks], [f"{100 * t:g} %" for t in ticks])
        axis.set_label_text(name)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.grid()
    axes.legend(loc="lower left")
    axes.set_title("Detection-error trade-off, all words")
    return figure


@pictures.styled
def draw_noise(rows: list[dict[str, Any]]) -> Any:
    """Accuracy over the signal-to-noise ratio."""
    figure = pictures.new_figure(5, 3)
    axes = figure.add_subplot()
    noisy = [row for row in rows if row["snr"] is not None]
    axes.axhline(100 * rows[0]["accuracy"], color=pictures.GREY, linewidth=1, linestyle=(0, (4, 3)), label="no noise")
    axes.plot([n["snr"] for n in noisy], [100 * n["accuracy"] for n in noisy], "o-", color=pictures.BLUE, label="noise")
    axes.invert_xaxis()
    axes.set_xlabel("signal-to-noise ratio, dB")
    axes.set_ylabel("accuracy, %")
    axes.grid()
    axes.legend(loc="lower left")
    axes.set_title("Accuracy in noise")
    return figure

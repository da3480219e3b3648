"""Words by voices that were never heard: synthetic training on real recordings, few real clips, one speaker left out.

    cnn-bench speech-accuracy --real FOLDER      about 2.5 CPU-minutes a seed

For each seed one network is trained on the synthetic voices alone and judged on every real recording. From its weights
training continues (preset adapt) with: k real clips of each word; all real training clips (official split); all of
every speaker but one, for each speaker. The test clips of each are read once, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from apps.bench.figures.figure import Report, outcome, over_runs
from apps.bench.figures.measure import over_seeds
from apps.bench.options import BenchOptions, computing, known_preset
from apps.speech.app import APP
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

if TYPE_CHECKING:
    import torch

STEPS = 150  # fewest of a training that continues another


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of speech-accuracy."""

    real: str = "fsdd"
    """Real recordings: a data set with speakers, or a folder of it."""
    synthetic: str = "synthetic-digits"
    """What the networks are trained on first; the same words."""
    preset: str = "time"
    """Preset of cnn-speech."""
    adapt: str = "adapt"
    """Preset of the training that continues another."""
    shots: tuple[int, ...] = (1, 5, 20)
    """Real clips of each word."""
    seeds: int = 3
    """Number of seeds, from the first on."""
    first: int | None = None
    """First seed; --seed when left out."""


parse = parser(
    Options,
    "Train on synthetic voices, test on real ones, then continue on few real clips, all, or all but one speaker's.",
)


def run(app: App | None, options: Options) -> Outcome:
    """Train and measure."""
    known_preset("--preset", options.preset, APP.presets)
    known_preset("--adapt", options.adapt, APP.presets)
    first = options.common.seed if options.first is None else options.first

    from apps.speech.corpora.clips import TEST, renumbered
    from apps.speech.data import load_corpus

    with computing(options.common) as place:
        synthetic = load_corpus(options.synthetic)
        real = renumbered(load_corpus(options.real), synthetic.labels, synthetic.name)
        heard = synthetic.split(synthetic.parts != TEST)
        unheard = synthetic.split(synthetic.parts == TEST)
        rows = over_seeds(
            range(first, first + options.seeds), lambda seed: _one_seed(options, real, heard, unheard, seed, place)
        )
        names = {
            "synthetic_test_voices": "synthetic voices never heard",
            "synthetic_only": f"real recordings ({len(real.clips)}), synthetic training only",
            "0_real_clips": "real test takes, no real clip",
            **{f"{n}_real_clips": f"real test takes, {n} real clips of each word" for n in options.shots},
            "official": "real test takes, official split",
            "speaker_left_out": f"one speaker left out, mean over {len(real.names)}",
        }
        figures = [over_runs("", name, "%", [100 * row[key] for row in rows]) for key, name in names.items()]
        spent = [row["pretraining_cpu_seconds"] for row in rows]
        figures.append(over_runs("", "training on synthetic voices", "CPU-s", spent))
        for kind, title in (("speakers_alone", "synthetic only"), ("speakers", "left out")):
            for name in real.names:
                figures.append(over_runs(name, title, "%", [100 * row[kind][name] for row in rows]))
        notes = (f"preset {options.preset}, {len(rows)} seeds, first on {len(heard)} synthetic clips",)
        return outcome(Report("speech-accuracy", tuple(figures), {"rows": rows}, notes))


def _one_seed(options: Options, real: Any, heard: Any, unheard: Any, seed: int, place: torch.device) -> dict[str, Any]:
    from apps.speech.corpora.clips import few
    from cnn_core import runs
    from cnn_core.training import engine

    config, adapt = APP.presets[options.preset], APP.presets[options.adapt]
    model = runs.build_seeded(APP, config, real.labels, seed).to(place)
    spent = engine.fit(model, heard, config.fit, seed=seed, progress=False).cpu_seconds
    start = {name: value.clone() for name, value in model.state_dict().items()}
    everything = real.split(real.parts < 3)
    alone = {name: accuracy(model, one) for name, one in _by_speaker(real, everything)}
    row: dict[str, Any] = {
        "synthetic_test_voices": accuracy(model, unheard),
        "synthetic_only": accuracy(model, everything),
        "speakers_alone": alone,
        "pretraining_cpu_seconds": spent,
    }
    official = real.dataset("official")

    def go_on(train: Any, test: Any) -> float:
        model.load_state_dict(start)
        batches = -(-len(train) // adapt.fit.batch_size)
        fit = replace(adapt.fit, epochs=max(adapt.fit.epochs, -(-STEPS // batches)))
        engine.fit(model, train, fit, seed=seed, progress=False)
        return accuracy(model, test)

    for count in options.shots:
        row[f"{count}_real_clips"] = go_on(few(official.train, count, seed), official.test)
    model.load_state_dict(start)
    row["0_real_clips"] = accuracy(model, official.test)
    row["official"] = go_on(official.train, official.test)
    row["speakers"] = {}
    for name in real.names:
        left_out = real.dataset(f"speaker:{name}")
        row["speakers"][name] = go_on(left_out.train, left_out.test)
    row["speaker_left_out"] = fmean(row["speakers"].values())
    return row


def _by_speaker(real: Any, clips: Any) -> Iterable[tuple[str, Any]]:
    for number, name in enumerate(real.names):
        yield name, clips.subset((clips.speakers == number).nonzero().squeeze(1))


def accuracy(model: Any, clips: Any) -> float:
    """Share of right answers."""
    from cnn_core.training.inference import predict_logits

    return float((predict_logits(model, clips.inputs).argmax(1) == clips.targets).double().mean())

"""Words by voices that were never heard: synthetic training on real recordings, few real clips, one speaker left out.

    python -m apps.bench speech-accuracy --real FOLDER      about 2.5 CPU-minutes a seed

For each seed one network is trained on the synthetic voices alone and judged on every real recording. From its weights
training goes on (preset adapt) with: k real clips of each word; all real training clips (official split); all clips of
all speakers but one, for each speaker. The test clips of each are read once, at the end.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from apps.speech.app import APP
from cnn_core import config as config_module
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError

STEPS = 150  # fewest of a training that goes on


@dataclass(frozen=True)
class Options:
    """Options of speech-accuracy."""

    real: str = "fsdd"
    """Real recordings: a data set with speakers, or a folder of it."""
    synthetic: str = "synthetic-digits"
    """What the networks are trained on first; the same words."""
    preset: str = "time"
    """Preset of cnn-speech."""
    adapt: str = "adapt"
    """Preset of the training that goes on."""
    shots: tuple[int, ...] = (1, 5, 20)
    """Real clips of each word."""
    seeds: int = 3
    """Number of seeds, from `first` on."""
    first: int = 0
    """First seed."""
    json: bool = False
    """Print one JSON object on standard output."""


def main(args: list[str]) -> int:
    """Train, measure, print."""
    options = config_module.parse(Options, args, prog="python -m apps.bench speech-accuracy")
    for name in (options.preset, options.adapt):
        if name not in APP.presets:
            raise UserError(f"unknown preset {name!r}; there are {', '.join(APP.presets)}")
    result = measure(options)
    print(json.dumps(result) if options.json else text(result))
    return 0


def measure(options: Options) -> dict[str, Any]:
    """One row a seed, and means and sample standard deviations over seeds."""
    import torch

    from apps.speech.corpora.clips import TEST, renumbered
    from apps.speech.data import load_corpus
    from cnn_core import benchmark

    torch.set_num_threads(1)
    synthetic = load_corpus(options.synthetic)
    real = renumbered(load_corpus(options.real), synthetic.labels, synthetic.name)
    heard = synthetic.split(synthetic.parts != TEST)
    unheard = synthetic.split(synthetic.parts == TEST)
    rows = []
    for seed in range(options.first, options.first + options.seeds):
        rows.append(_one_seed(options, real, heard, unheard, seed))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    names = [name for name, value in rows[0].items() if name not in ("seed", "speakers_alone", "speakers")]
    return {
        "preset": options.preset,
        "counts": {"synthetic": len(heard), "real": len(real.clips), "speakers": len(real.names)},
        "rows": rows,
        "summary": {name: vars(benchmark.summary([row[name] for row in rows])) for name in names},
        "by_speaker": {
            kind: {name: benchmark.summary([row[kind][name] for row in rows]).mean for name in real.names}
            for kind in ("speakers_alone", "speakers")
        },
        "environment": benchmark.environment(),
    }


def _one_seed(options: Options, real: Any, heard: Any, unheard: Any, seed: int) -> dict[str, Any]:
    from statistics import fmean

    from apps.speech.corpora.clips import few
    from cnn_core.training import engine, runs

    config, adapt = APP.presets[options.preset], APP.presets[options.adapt]
    model = runs.build_seeded(APP, config, real.labels, seed)
    spent = engine.fit(model, heard, config.fit, seed=seed, progress=False).cpu_seconds
    start = {name: value.clone() for name, value in model.state_dict().items()}
    everything = real.split(real.parts < 3)
    alone = {name: accuracy(model, one) for name, one in _by_speaker(real, everything)}
    row: dict[str, Any] = {
        "seed": seed,
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


def text(result: dict[str, Any]) -> str:
    """Means over seeds as tables."""
    counts = result["counts"]
    said = {
        "synthetic_test_voices": "synthetic voices never heard",
        "synthetic_only": f"real recordings ({counts['real']}), synthetic training only",
        "0_real_clips": "real test takes, no real clip",
        "official": "real test takes, official split",
        "speaker_left_out": f"one speaker left out, mean over {counts['speakers']}",
    }
    rows = []
    for name, found in result["summary"].items():
        if name.endswith("cpu_seconds"):
            rows.append([name.replace("_", " "), f"{found['mean']:.1f} ± {found['sd']:.1f}"])
        else:
            label = said.get(name, f"real test takes, {name.partition('_')[0]} real clips of each word")
            rows.append([label, f"{found['mean']:.2%} ± {found['sd']:.2%}"])
    alone, left = result["by_speaker"]["speakers_alone"], result["by_speaker"]["speakers"]
    speakers = [[name, f"{alone[name]:.2%}", f"{left[name]:.2%}"] for name in alone]
    head = f"preset {result['preset']}, {len(result['rows'])} seeds, first on {counts['synthetic']} synthetic clips"
    return "\n\n".join(
        [head, table(["what", "mean ± sd"], rows), table(["speaker", "synthetic only", "left out"], speakers)]
    )

"""Words told in long recordings: real speakers nobody trained on, thousands of other words, other sounds.

    cnn-speech train --data voices:en:zero,one,two,three,four --out RUN
    cnn-bench speech-listening --runs RUN --real FOLDER

The recordings are made of all clips of a real data set and of other words by voices held out of training, once each in
random order, with rooms, noise, music and overdrive, and sounds without words between. Words of the run's list that the
real data have are its targets; a hit is the word told within .75 s of its centre, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from apps.bench.figures.figure import Figure, Report, outcome
from apps.bench.options import BenchOptions, computing
from apps.speech.app import APP
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser


@dataclass(frozen=True, kw_only=True)
class Options(BenchOptions):
    """Options of speech-listening."""

    runs: tuple[Path, ...] = ()
    """Run folders of cnn-speech, measured on the same recordings; one or more."""
    real: str = "fsdd"
    """Real recordings of words: a data set or a folder of it, whose speakers the runs were not trained on."""
    others: int = 1000
    """Other words by synthetic voices held out of training, beside those of the real recordings."""
    alarms: tuple[float, ...] = (100.0, 10.0, 0.5)
    """False alarms an hour at which hits are given."""
    picture: Path | None = None
    """PNG file for the detection-error curves."""


parse = parser(Options, "Hits over false alarms an hour on recordings made of real clips and thousands of other words.")


def run(app: App | None, options: Options) -> Outcome:
    """Make the recordings once, hear them by every run, count."""
    from apps.speech.data import load_corpus
    from apps.speech.detection import counts, recordings, telling, utterances
    from apps.speech.detection.draw import draw_curves
    from apps.speech.verbs.live.steps import stride_of
    from apps.speech.verbs.recording import hear
    from cnn_core import runs
    from cnn_core.drawing import report

    if not options.runs:
        raise UserError("--runs: name one run folder or more")
    with computing(options.common) as place:
        trained = [runs.restore(APP, folder, place) for folder in options.runs]
        real = load_corpus(options.real)
        words = [label for label in trained[0].labels if label not in telling.SILENT]
        if not set(words) & set(real.labels):
            raise UserError(f"{options.real}: has none of the words of {options.runs[0]} ({', '.join(words[:12])})")
        said = utterances.of_corpus(real, range(len(real.clips)))
        listed = utterances.unlisted([*words, *real.labels], "en")
        said += utterances.spoken(listed, "en", options.others, not options.common.json)
        made = list(recordings.pieces(said, options.common.seed))
        figures, details, curves = [], {}, {}
        for folder, each in zip(options.runs, trained, strict=True):
            rule = telling.Rule(stride=stride_of(each.config, telling.Rule.stride))
            heard = hear(each, made, rule)
            points = counts.curve(heard, each.labels, rule)
            name = folder.name
            chosen = {f"at most {most:g} an hour": counts.chosen(points, most) for most in options.alarms}
            chosen["threshold 0.7"] = next(point for point in points if point.threshold == 0.7)
            for condition, point in chosen.items():
                found = counts.matches(heard, each.labels, point.threshold, rule)
                sounds = dict(counts.causes(found, "condition"))
                alone = sum(sounds.get(kind, 0) for kind in recordings.SOUNDS)
                about = {"threshold": point.threshold, "words": point.words, "on sounds without words": alone}
                hits = 100 * point.hits / point.words
                figures.append(Figure(f"{condition}: hits", "%", hits, of=name, conditions=about))
                alarms = point.alarms_per_hour
                figures.append(Figure(f"{condition}: false alarms", "an hour", alarms, of=name, conditions=about))
                details[f"{name}, {condition}"] = point.to_json() | {
                    **{f"by_{field}": counts.by(found, field) for field in ("word", "speaker", "condition")},
                    **{f"alarms_at_{field}": dict(counts.causes(found, field)) for field in ("word", "condition")},
                }
            details[f"{name}, curve"] = [point.to_json() for point in points]
            curves[name] = points
        if options.picture:
            report.save(draw_curves(curves), options.picture)
        hours = sum(len(samples) for samples, _ in made) / 16_000 / 3600
        others = sum(bool(mark.word) and mark.word not in words for _, marks in made for mark in marks)
        details["recordings"] = {"hours": hours, "other_words": others, "pieces": len(made)}
        notes = (f"{hours:.2f} hours, {others:,} other words",)
        return outcome(Report("speech-listening", tuple(figures), details, notes))

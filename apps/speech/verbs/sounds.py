"""visualize sounds: the sound that maximizes each word's output, as WAV files and a sheet of spectrograms."""

from typing import Any

from apps.speech.maximize import maximize
from apps.speech.signal.audio import write_wav
from cnn_core import visual
from cnn_core.app import App
from cnn_core.drawing import grids, report
from cnn_core.drawing.tables import table
from cnn_core.outcome import Outcome
from cnn_core.runs import Run
from cnn_core.verbs.views.common import out_path, units_of


def view(app: App, run: Run, options: Any) -> Outcome:
    """Optimize a sound for each word, measure its activation, and write it beside the picture."""
    units = units_of(options.units, len(run.labels), options.count, "output")
    words = [run.labels[unit] for unit in units]
    goals = list(visual.logits(units))
    found = maximize(run, goals, options.maximize, seed=options.common.seed, progress=not options.common.json)
    out = out_path(options, run)
    rows, captions = [], []
    for number, (sound, after) in enumerate(zip(found.inputs, found.after, strict=True)):
        word = words[number // options.maximize.copies]
        copy = f"-{number % options.maximize.copies + 1}" if options.maximize.copies > 1 else ""
        file = out.with_name(f"{out.stem}-{units[number // options.maximize.copies]}{copy}.wav")
        write_wav(file, sound)
        rows.append({"word": word, "activation": after, "sound": str(file)})
        captions.append(f"{word}: {after:.3g}")
    report.save(grids.gallery([app.render(x) for x in found.inputs], captions, title="What each word sounds like"), out)
    text = table(["word", "activation", "sound"], [[r["word"], f"{r['activation']:.3f}", r["sound"]] for r in rows])
    return Outcome({"run": str(run.folder), "sounds": rows, "picture": str(out)}, f"{text}\n\npicture: {out}")

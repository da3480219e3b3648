"""The inputs that excite filters, neurons and classes most: x* = argmax a(x), beside what real inputs reach."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from cnn_core import visual
from cnn_core.app import App
from cnn_core.drawing import grids, report
from cnn_core.drawing.tables import beside, table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.runs import Run
from cnn_core.verbs.views.common import REAL, deepest, layer_of, out_path, shapes, some, units_of
from cnn_core.verbs.views.raw_inputs import maximize_raw
from cnn_core.visual.optimization.objectives import Objective


def view(app: App, run: Run, options: Any) -> Outcome:
    """A sheet of optima, each with its activation, that of the best real input, and of a middling one."""
    real = some(app.load(run.config).test, REAL)
    layer, names, objectives = asked(run, options, real)
    search = app.maximize or partial(maximize_raw, real[0])
    found = search(run, objectives, options.maximize, seed=options.common.seed, progress=not options.common.json)
    reached = reach(run.model, objectives, real)
    copies = options.maximize.copies
    rows, captions = [], []
    for i, after in enumerate(found.after):
        name = names[i // copies]
        best, middle = float(reached[i // copies].max()), float(reached[i // copies].median())
        rows.append({"unit": name, "activation": after, "start": found.before[i], "best_real": best, "median": middle})
        captions.append(f"{name}: {after:.3g}\nreal ≤ {best:.3g}")
    place = "the output" if options.what == "classes" else layer
    steps = f"{options.maximize.steps} steps; real: best of {len(real)} test inputs"
    title = f"What excites {options.what} of {place} most ({steps})"
    out = out_path(options, run, layer)
    pictures = [app.render(x) for x in found.inputs]
    report.save(grids.gallery(pictures, captions, title=title), out)
    head = ["unit", "activation", "start", "best real", "median real"]
    beside(out, head, [[r["unit"], *(float(r[k]) for k in list(r)[1:])] for r in rows])
    text = table(head, [[r["unit"], *(f"{r[k]:.3f}" for k in list(r)[1:])] for r in rows])
    data = {"run": str(run.folder), "layer": layer, "real_inputs": len(real), "units": rows, "picture": str(out)}
    return Outcome(data, f"{text}\n\npicture: {out}", pictures=pictures, captions=captions, inputs=found.inputs)


def asked(run: Run, options: Any, real: Tensor) -> tuple[str, list[str], list[Objective]]:
    """Layer, names and objectives of the units that the user asks for."""
    if options.what == "classes":
        if options.layer:
            raise UserError("visualize classes: looks at the output; leave --layer out, or use filters or neurons")
        units = units_of(options.units, len(run.labels), options.count, "output")
        return "", [run.labels[unit] for unit in units], list(visual.logits(units))
    found = shapes(run.model, visual.front_of(run.model, real[:1]))
    spatial = options.what == "filters"
    fitting = [name for name, shape in found.items() if (len(shape) > 1) == spatial and name != "output"]
    if not fitting:
        raise UserError(f"visualize {options.what}: this network has no hidden layer of that kind")
    # By default the deepest convolution, and the last hidden dense layer.
    layer = layer_of(run.model, options.layer or deepest(run.model, fitting))
    shape = found.get(layer) or tuple(visual.record(run.model, real[:1], layer)[layer].shape[1:])
    if (len(shape) > 1) != spatial:
        other = "neurons" if spatial else "filters"
        raise UserError(f"--layer {layer}: has {other}, no {options.what}; name one of {', '.join(fitting)}")
    units = units_of(options.units, shape[0], options.count, layer)
    kind = visual.filters if spatial else visual.neurons
    return layer, [str(unit) for unit in units], list(kind(layer, units))


def reach(model: Any, objectives: list[Objective], inputs: Tensor, batch: int = 256) -> Tensor:
    """(U, N): the activation of every unit for every real input."""
    rest = visual.behind_front(model)
    parts = [
        visual.values_of_each(rest, objectives, visual.front_of(model, inputs[first : first + batch]))
        for first in range(0, len(inputs), batch)
    ]
    return torch.cat(parts, 1).float().cpu()

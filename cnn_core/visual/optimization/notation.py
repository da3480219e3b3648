"""Objectives in short form, for the command line and wherever an objective is asked for.

conv2:7                    filter 7 of layer conv2
conv2:7,4,4                the neuron at (4, 4) of its map
conv2                      all that the layer sees
:3                         class 3
conv2:7 - 0.5*dense1:2     a weighted sum
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cnn_core.errors import UserError
from cnn_core.visual.optimization.objectives import Objective, filter, logit, neuron, whole

_TERM = re.compile(r"\s*(?:(?P<weight>\d*\.?\d+(?:[eE][-+]?\d+)?)\s*\*\s*)?(?P<what>[^\s*+]+?)\s*(?=$|\s[-+]\s)")


def as_objective(what: Objective | str) -> Objective:
    """An objective as it is, or from its short form. Raises UserError for what is neither."""
    if isinstance(what, Objective):
        return what
    if not isinstance(what, str):
        raise TypeError(f"an objective or its short form is needed, such as 'conv2:7', not a {type(what).__name__}")
    total = Objective(())
    at, sign = 0, 1.0
    if (start := re.match(r"\s*-", what)) is not None:
        at, sign = start.end(), -1.0
    while True:
        match = _TERM.match(what, at)
        if match is None:
            raise UserError(
                f"{what!r} is no objective: write LAYER:FILTER, LAYER:FILTER,ROW,COLUMN, LAYER, :CLASS, or a sum such "
                "as conv2:7 - 0.5*conv2:8, with spaces around + and -"
            )
        total = total + sign * float(match["weight"] or 1) * _single(match["what"], what)
        if not what[match.end() :].strip():
            return total
        operator = re.match(r"\s([-+])\s", what[match.end() :])
        assert operator is not None  # the pattern of a term looks ahead
        at, sign = match.end() + operator.end(), -1.0 if operator[1] == "-" else 1.0


def as_objectives(what: Objective | str | Sequence[Objective | str]) -> list[Objective]:
    """One or several, as objectives."""
    return [as_objective(what)] if isinstance(what, Objective | str) else [as_objective(each) for each in what]


def _single(text: str, whole_text: str) -> Objective:
    if "(" in text:
        raise UserError(f"{whole_text!r} is no short form: write LAYER:FILTER, such as conv2:7, or :CLASS")
    layer, colon, units = text.rpartition(":")
    if not colon:
        return whole(text)
    if not re.fullmatch(r"\d+(,\d+)*", units):
        raise UserError(
            f"{whole_text!r}: behind the colon stand whole numbers, such as conv2:7 or conv2:7,4,4; sums have spaces "
            "around + and -"
        )
    first, *places = (int(n) for n in units.split(","))
    if layer:
        return neuron(layer, (first, *places)) if places else filter(layer, first)
    if places:
        raise UserError(f"{whole_text!r}: a class is one number, such as :3")
    return logit(first)

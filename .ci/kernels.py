"""Compile the rules of Go before the tests, which would do it in every worker at once; numba keeps the machine code."""

import torch

from apps.go.config import PRESETS
from apps.go.counting.count import count
from apps.go.data import load
from apps.go.rules.position import Position

if __name__ == "__main__":
    load(PRESETS["small"]).train.take(torch.arange(8))
    count(Position(9))

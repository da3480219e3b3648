"""Subsampling: every second pixel still shows a digit; every second line of a Go board is another position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from apps.digits.lecture.section import Claim, Section
from apps.digits.render import render
from cnn_core import visual
from cnn_core.drawing import report

if TYPE_CHECKING:
    from cnn_core.runs import Run

SAMPLES = 1000
# X black, O white: a position in which liberties decide.
BOARD = (
    ".........",
    "..XXX....",
    ".XOOOX...",
    ".XO.OX.O.",
    ".XOOX.OX.",
    "..XX..OX.",
    "...O.OX..",
    "..O.O.X..",
    "...O.....",
)


def section(run: Run, inputs: torch.Tensor, targets: torch.Tensor) -> Section:
    """`inputs` (N, 28, 28) and their classes are test samples."""
    inputs, targets = inputs[:SAMPLES], targets[:SAMPLES]
    right: dict[int, float] = {}
    first = [int((targets == label).nonzero()[0]) for label in range(len(run.labels)) if bool((targets == label).any())]
    shown, captions = [], []
    for step in (1, 2, 3):
        small = subsampled(inputs, step)
        answers, sure = visual.predictions(run.model, small)
        right[step] = float((answers.cpu() == targets).float().mean())
        for index in first:
            shown.append(render(small[index].numpy()))
            captions.append(f"{run.labels[int(answers[index])]}  {float(sure[index]):.2f}")
    digits = _rows(shown, captions, len(first), [f"every {'pixel' if s == 1 else f'{s}. pixel'}" for s in right])
    stones = np.array([[".XO".index(point) for point in row] for row in BOARD])
    boards = {step: stones[::step, ::step] for step in (1, 2)}
    groups = {step: liberties(board) for step, board in boards.items()}
    return Section(
        "Subsampling does not change a digit, and makes another position of a Go board",
        "That is why pooling is an option here: the lecture's three properties hold for pictures of things, not for "
        "everything that looks like a picture. AlphaGo used no pooling. Below each digit: the network's answer and how "
        "sure it is, for a picture of which only every second or third pixel was kept.",
        [
            ("subsampling", digits, f"Whole, half and a third of the pixels; over {len(inputs)} test samples "
             + ", ".join(f"{value:.1%}" for value in right.values()) + " are answered rightly."),
            ("board", _boards(boards), "Whole, and every second line: other groups, other liberties."),
        ],
        [
            Claim(
                "a digit of which every second pixel is kept is the same digit",
                right[2] > 0.9 * right[1],
                f"{right[1]:.1%} right of the whole, {right[2]:.1%} at half, {right[3]:.1%} at a third, with the same "
                "network",
            ),
            Claim(
                "a Go board of which every second line is kept is another position",
                sorted(groups[1]) != sorted(groups[2]),
                "; ".join(f"{len(each)} groups with {sorted(each)} liberties" for each in groups.values()),
            ),
        ],
        measures={"right": {str(step): value for step, value in right.items()}},
    )  # fmt: skip


def subsampled(pictures: torch.Tensor, step: int) -> torch.Tensor:
    """Every `step`-th pixel of (N, H, W), enlarged again to (N, H, W) by straight lines between them."""
    kept = pictures[:, None, ::step, ::step].float()
    large = torch.nn.functional.interpolate(kept, size=pictures.shape[1:], mode="bilinear", align_corners=False)
    return large[:, 0].round().clamp(0, 255).to(pictures.dtype)


def liberties(board: np.ndarray) -> list[int]:
    """The number of liberties of every group of stones; 0 empty, 1 black, 2 white."""
    left = {(int(r), int(c)) for r, c in np.argwhere(board > 0)}
    found = []
    while left:
        group, free, todo = set(), set(), [left.pop()]
        while todo:
            row, column = todo.pop()
            group.add((row, column))
            for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if not (0 <= near[0] < board.shape[0] and 0 <= near[1] < board.shape[1]):
                    continue
                if board[near] == 0:
                    free.add(near)
                elif board[near] == board[row, column] and near in left:
                    left.discard(near)
                    todo.append(near)
        found.append(len(free))
    return found


def _rows(pictures: list[np.ndarray], captions: list[str], columns: int, names: list[str]) -> Any:
    side = 0.8
    figure = report.new_figure(columns * side + 1.2, len(names) * (side + 0.28) + 0.1, constrained=False)
    width, height = figure.get_size_inches()
    for i, (pixels, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = divmod(i, columns)
        top = row * (side + 0.28) + 0.05
        box = ((1.15 + column * side) / width, 1 - (top + side) / height, 0.94 * side / width, side / height)
        axes = figure.add_axes(box)
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(caption, fontsize=7.5, labelpad=2)
        if column == 0:
            figure.text(0.1 / width, 1 - (top + side / 2) / height, names[row], va="center", fontsize=8.5)
    return figure


def _boards(boards: dict[int, np.ndarray]) -> Any:
    figure = report.new_figure(7.2, 3.9)
    for place, (step, board) in enumerate(boards.items()):
        axes = figure.add_subplot(1, len(boards), place + 1)
        n = len(board)
        axes.set_facecolor("#e3b873")
        for line in range(n):
            axes.plot([0, n - 1], [line, line], color="#333333", linewidth=0.7, zorder=1)
            axes.plot([line, line], [0, n - 1], color="#333333", linewidth=0.7, zorder=1)
        for (row, column), stone in np.ndenumerate(board):
            if stone:
                face = "#111111" if stone == 1 else "white"
                size = 230 * (9 / n) ** 1.8
                axes.scatter(column, row, s=size, c=face, edgecolors="black", linewidths=0.8, zorder=2)
        axes.set(xlim=(-0.7, n - 0.3), ylim=(n - 0.3, -0.7), xticks=[], yticks=[], aspect="equal")
        name = "the board" if step == 1 else "every second line"
        axes.set_title(f"{name}: {len(liberties(board))} groups", fontsize=10)
    return figure

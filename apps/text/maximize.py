"""The words that excite a unit of a text network most. Letters: T words of a text, V words, C channels of a vector."""

from __future__ import annotations

import torch
from torch import Tensor

from apps.text.verbs.views.neighbours import word_vectors
from cnn_core import visual
from cnn_core.errors import UserError
from cnn_core.runs import Run
from cnn_core.visual.optimization.config import MaximizeConfig, Maximized
from cnn_core.visual.optimization.objectives import Objective
from cnn_core.visual.optimization.scoring import scoring

LENGTH = 8  # words of the texts
CANDIDATES = 12  # words tried at each place in each step
STARTS = 64  # random texts, the best of which is improved: behind a ReLU most give no gradient


def maximize(
    run: Run, objectives: list[Objective], config: MaximizeConfig, *, seed: int = 0, progress: bool = False
) -> Maximized:
    """Word numbers (T,) of the training texts' own words, which the network takes as they are.

    Greedy exchange: the gradient says which words would raise the unit most at each place, those are tried, the best
    goes in, until none helps (HotFlip, Ebrahimi et al. 2018) or `config.steps` are done. Raises UserError for
    penalties, which words do not have.
    """
    if config.l1 or config.l2 or config.tv or config.fourier or config.robust != "none":
        raise UserError(
            "--l1, --l2, --tv, --robust and --fourier are for pictures; a word can only be exchanged for another"
        )
    vocabulary = run.fitted.vocabulary
    vectors = word_vectors(run.model)
    generator = torch.Generator().manual_seed(seed)
    last = len(vocabulary) - vocabulary.unseen
    found, before, after = [], [], []
    for objective in objectives:
        for _ in range(config.copies):
            starts = torch.randint(2, last, (STARTS, LENGTH), generator=generator)
            words, first, value = _exchanged(run, objective, starts, vectors[:last], config.steps)
            found.append(words.to(torch.int32).numpy())
            before.append(first)
            after.append(value)
    return Maximized(found, before, after)


def _exchanged(
    run: Run, objective: Objective, starts: Tensor, vectors: Tensor, steps: int
) -> tuple[Tensor, float, float]:
    """(the words, the value of the first start, that of the words)."""
    network = visual.behind_front(run.model)
    values = visual.values(network, objective, _features(vectors, starts))
    words, value, first = starts[int(values.argmax())], float(values.max()), float(values[0])
    for _ in range(steps):
        x = _features(vectors, words[None]).requires_grad_()
        with torch.enable_grad(), scoring(network, [objective], x.detach()) as score:
            (slope,) = torch.autograd.grad(score(x).sum(), x)  # (1, C, T)
        gain = vectors @ slope[0]  # (V, T) up to a constant for each place
        gain[:2] = -torch.inf
        best = gain.topk(min(CANDIDATES, len(gain) - 2), 0).indices  # (candidates, T)
        tried = words.repeat(best.numel(), 1)
        places = torch.arange(len(words)).repeat(len(best))
        tried[torch.arange(best.numel()), places] = best.flatten()
        values = visual.values(network, objective, _features(vectors, tried))
        if float(values.max()) <= value + 1e-7:
            break
        words, value = tried[int(values.argmax())], float(values.max())
    return words, first, value


def _features(vectors: Tensor, words: Tensor) -> Tensor:
    """(B, C, T) what the front end gives for words (B, T)."""
    return vectors[words].transpose(1, 2).contiguous()

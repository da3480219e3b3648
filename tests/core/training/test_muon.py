"""Muon against torch's own, and what counts as a filter."""

import pytest
import torch
from torch import nn

from cnn_core.nn.blocks import ConvBlock, pointwise
from cnn_core.nn.equivariance import tie
from cnn_core.training import engine
from cnn_core.training.data import Split
from cnn_core.training.optim import Muon, make_optimizer, optimizer_tensors, orthogonal, restore_optimizer
from cnn_core.training.recipe import FitConfig

CONFIG = FitConfig(optimizer="muon", learning_rate=0.01, weight_decay=0.1)


@pytest.mark.parametrize("shape", [(8, 8), (8, 72), (64, 9)])
def test_singular_values_end_near_one(shape):
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrix = left * torch.linspace(0.05, 1, min(shape)) @ right
    found = orthogonal(matrix)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert torch.linalg.svdvals(left.T @ found @ right.T - torch.diag(values)).max() < 0.7  # same directions
    torch.testing.assert_close(orthogonal(matrix.T), found.T)


def test_steps_are_those_of_torch():
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 16, 3, bias=False)
    matrix = nn.Parameter(conv.weight.detach().flatten(1).clone())
    theirs = torch.optim.Muon([matrix], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    ours = make_optimizer(conv, CONFIG)
    for _ in range(4):
        slope = torch.randn_like(matrix)
        matrix.grad, conv.weight.grad = slope.clone(), slope.view_as(conv.weight)
        theirs.step()
        ours.step()
    # torch orthogonalizes in bfloat16
    torch.testing.assert_close(conv.weight.detach().flatten(1), matrix.detach(), atol=2e-3, rtol=0.02)


def test_filters_alone_are_orthogonalized():
    model = nn.Sequential(
        ConvBlock(3, 8, norm="batch"), nn.Conv2d(8, 8, 3, groups=8), pointwise(8, 2), nn.Flatten(), nn.Linear(8, 2)
    )
    optimizer = make_optimizer(model, CONFIG)
    assert isinstance(optimizer, Muon)
    (filters,) = [group["params"] for group in optimizer.param_groups if group.get("muon")]
    assert [p.shape for p in filters] == [(8, 3, 3, 3)]
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))


def test_tied_filters_step_as_whole_ones():
    torch.manual_seed(0)
    tied, free = (nn.Sequential(nn.Conv2d(16, 16, 3, bias=False)) for _ in range(2))
    tie(tied)
    free[0].weight.data = tied[0].weight.detach().clone()
    whole = tied[0].parametrizations.weight[0]
    stored = tied[0].parametrizations.weight.original
    optimizers = [make_optimizer(model, CONFIG) for model in (tied, free)]
    for _ in range(3):
        stored.grad = torch.randn_like(stored)
        free[0].weight.grad = whole(stored.grad)
        for optimizer in optimizers:
            optimizer.step()
        torch.testing.assert_close(tied[0].weight, free[0].weight, atol=1e-5, rtol=1e-4)


def test_a_run_learns_and_its_state_comes_back():
    torch.manual_seed(0)
    inputs = torch.randn(96, 3, 8, 8)
    split = Split(inputs, (inputs[:, 0, 2:5, 2:5].mean((1, 2)) > 0).long())
    model = nn.Sequential(ConvBlock(3, 8, norm="batch"), ConvBlock(8, 8, norm="batch"), nn.Flatten(), nn.Linear(128, 2))
    fit = engine.fit(model, split, FitConfig(epochs=6, batch_size=16, optimizer="muon"), progress=False)
    assert fit.history[-1]["train_loss"] < 0.35 < fit.history[0]["train_loss"]
    optimizer = make_optimizer(model, CONFIG)
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    optimizer.step()
    tensors = {name.removeprefix("optimizer."): value for name, value in optimizer_tensors(optimizer).items()}
    assert sum(name.endswith("momentum") for name in tensors) == 2
    again = make_optimizer(model, CONFIG)
    restore_optimizer(again, tensors)
    for p, state in again.state.items():
        for what, value in state.items():
            assert (value == optimizer.state[p][what]).all()

"""Optimizers with weight decay where it belongs.

A table of which a batch uses few rows (word vectors) may have sparse gradients, and says so with an attribute
`row_sparse` of its parameter: adamw and adadelta then touch the rows of the batch alone, sgd makes them dense.
Letters: V rows of a table, D columns, R rows of one batch.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from cnn_core.training.recipe import FitConfig


class RowSteps:
    """Part of an optimizer that touches, of a table with a sparse gradient, the rows of the batch alone.

    A row without a gradient still has running means that decay; that is made up for when the row is met again.
    """

    param_groups: list[dict[str, Any]]
    state: Any

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step; gradients may be dense, or sparse in their rows."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.grad.is_sparse:
                    self._step_rows(parameter, group)
                    parameter.grad = None
        return super().step(closure)  # type: ignore[misc]

    def _step_rows(self, table: Tensor, group: dict[str, Any]) -> None:
        state, device = self.state[table], table.device
        if not state:
            state["step"] = torch.zeros((), dtype=torch.int64)
            state["seen"] = torch.zeros(len(table), dtype=torch.int64, device=device)  # (V,) step of the last use
            state |= {name: torch.zeros_like(table) for name in self.means}
        state["step"] += 1
        gradient = table.grad.coalesce()  # type: ignore[union-attr]
        rows, slope = gradient.indices()[0], gradient.values()  # (R,), (R, D)
        asleep = (state["step"].to(device) - 1 - state["seen"][rows]).to(table.dtype)
        state["seen"][rows] = state["step"].to(device)
        self._move(table, rows, slope, asleep, state, group)

    means: tuple[str, ...]
    """Names of the running means of a table, (V, D) each."""

    def _move(
        self, table: Tensor, rows: Tensor, slope: Tensor, asleep: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """Move `rows` (R,) of `table` down `slope` (R, D); each was `asleep` (R,) steps since its last use."""
        raise NotImplementedError  # torch optimizers have no abstract methods; each rule below has its own


class RowAdadelta(RowSteps, torch.optim.Adadelta):
    """Adadelta (Zeiler 2012); on rows it is the same rule, equal to the dense one up to rounding.

    A row without gradient stays as it is in dense Adadelta too.
    """

    means = ("square_avg", "acc_delta")

    def _move(self, table, rows, slope, asleep, state, group) -> None:
        rho, eps = group["rho"], group["eps"]
        faded = torch.pow(rho, asleep)[:, None]  # (R, 1)
        squares = state["square_avg"][rows].mul_(faded).mul_(rho).addcmul_(slope, slope, value=1 - rho)
        moved = state["acc_delta"][rows].mul_(faded)
        delta = moved.add(eps).sqrt_().div_((squares + eps).sqrt_()).mul_(slope)
        moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        state["square_avg"].index_copy_(0, rows, squares)
        state["acc_delta"].index_copy_(0, rows, moved)
        table.index_add_(0, rows, delta, alpha=-group["lr"])


class RowAdamW(RowSteps, torch.optim.AdamW):
    """AdamW (Loshchilov & Hutter 2019); on rows without momentum, that is Adam with its first decay rate at zero.

    In dense Adam a gradient keeps moving its row for some ten steps, by about as much in all as it does here at once:
    a row is rarely met again before. Rows are not decayed.
    """

    means = ("exp_avg_sq",)

    def _move(self, table, rows, slope, asleep, state, group) -> None:
        beta = group["betas"][1]
        faded = torch.pow(beta, asleep)[:, None]
        squares = state["exp_avg_sq"][rows].mul_(faded).mul_(beta).addcmul_(slope, slope, value=1 - beta)
        state["exp_avg_sq"].index_copy_(0, rows, squares)
        scale = (squares / (1 - beta ** int(state["step"]))).sqrt_().add_(group["eps"])
        table.index_add_(0, rows, slope / scale, alpha=-group["lr"])


class Muon(RowAdamW):
    """Muon (Jordan 2024) for groups of filters marked `muon`, AdamW for all others.

    Filters (O, ...) are a matrix of O rows. Their step is the momentum with all its singular values made about 1, so
    that no direction is left behind, and as long as AdamW's steps mostly are: one learning rate serves both, and so
    does the decay (Liu et al. 2025, arXiv:2502.16982).
    """

    momentum = 0.95

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step."""
        for group in self.param_groups:
            for parameter in group["params"] if group.get("muon") else ():
                if parameter.grad is not None:
                    self._step_filters(parameter, group)
                    parameter.grad = None
        return super().step(closure)

    def _step_filters(self, filters: Tensor, group: dict[str, Any]) -> None:
        state, slope = self.state[filters], filters.grad
        assert slope is not None
        if not state:
            state["momentum"] = torch.zeros_like(filters)
        state["momentum"].lerp_(slope, 1 - self.momentum)
        ahead = slope.lerp(state["momentum"], self.momentum)  # Nesterov
        tied = getattr(filters, "tied", None)
        whole = ahead if tied is None else tied(ahead)
        even = orthogonal(whole.flatten(1)).view(whole.shape)
        length = 0.2 * max(whole.shape[0], whole[0].numel()) ** 0.5
        filters.mul_(1 - group["lr"] * group["weight_decay"])
        filters.add_(even if tied is None else tied.right_inverse(even), alpha=-group["lr"] * length)


def orthogonal(matrix: Tensor) -> Tensor:
    """`matrix` (R, C) with its singular values near 1 (0.7 to 1.2), by five steps of Newton-Schulz (Jordan 2024).

    Each step multiplies by a polynomial of the matrix times its transpose; only these squares, which are much smaller,
    are carried along.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-7)
    square = wide @ wide.T
    product = torch.eye(len(square), dtype=square.dtype, device=square.device)
    for _ in range(5):
        step = torch.addmm(square, square, square, beta=-4.7750, alpha=2.0315)
        step.diagonal().add_(3.4445)
        product = step @ product
        square = step @ square @ step
    wide = product @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


def _filters(model: nn.Module) -> set[nn.Parameter]:
    """Weights of convolutions whose filters span several points and channels."""
    found = set()
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d) and math.prod(module.kernel_size) > 1 and module.groups == 1:
            parametrized = getattr(module, "parametrizations", {})
            weight = parametrized["weight"].original if "weight" in parametrized else module.weight
            found.add(weight)
    return found


def densify(parameters: Iterable[nn.Parameter]) -> None:
    """Make sparse gradients dense, for optimizers and norms that know no others."""
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.to_dense()


def make_optimizer(model: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    """The optimizer that `config` names; norms, biases (vectors) and row-sparse tables are not decayed.

    A parameter with an attribute `rate` learns at so many times the learning rate.
    """
    trainable = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = []
    for rate in dict.fromkeys(getattr(p, "rate", 1.0) for p in trainable):
        own = [p for p in trainable if getattr(p, "rate", 1.0) == rate]
        decayed = [p for p in own if p.dim() > 1 and not getattr(p, "row_sparse", False)]
        others = [p for p in own if not (p.dim() > 1 and not getattr(p, "row_sparse", False))]
        groups.append({"params": decayed, "weight_decay": config.weight_decay, "rate": rate})
        groups.append({"params": others, "weight_decay": 0.0, "rate": rate})
    if config.optimizer == "muon":
        filters = _filters(model)
        for group in [group for group in groups if group["weight_decay"] == config.weight_decay]:
            matrices = [p for p in group["params"] if p in filters]
            group["params"] = [p for p in group["params"] if p not in filters]
            groups.append({**group, "params": matrices, "muon": True})
    groups = [group for group in groups if group["params"]]
    if config.optimizer in ("adamw", "muon"):
        rule = Muon if config.optimizer == "muon" else RowAdamW
        return rule(groups, lr=config.learning_rate, betas=config.betas, fused=True)
    if config.optimizer == "adadelta":
        return RowAdadelta(groups, lr=config.learning_rate, rho=config.betas[1])
    momentum = config.betas[0]
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=momentum, nesterov=momentum > 0, fused=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state by name, `optimizer.<number of the parameter>.<what>`, for a checkpoint."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{number}.{what}": value
        for number, values in state.items()
        for what, value in values.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took; the names without `optimizer.`."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for name, value in tensors.items():
        number, what = name.split(".", 1)
        parameter = parameters[int(number)]
        if value.shape == parameter.shape and what != "step":
            # The parameter's own memory layout (channels_last, say), which fused steps rely on.
            value = torch.empty_like(parameter).copy_(value)
        optimizer.state[parameter][what] = value

"""Weights tied over the 8 symmetries of the square: a network that turns and mirrors its answer with its input.

Group convolution (Cohen & Welling 2016, arXiv:1602.07576), as ties between the weights of ordinary layers: channels
come in groups of 8, one for each way to turn and mirror a filter. So every tool that reads a layer's `weight` sees
the whole filters, while an eighth of the numbers is learned, each from all 8 views of every picture at once.

    tie(network, plain_inputs={"conv1.conv"}, plain_outputs={"output"})

Letters: G = 8 symmetries, O and I groups of channels (or plain channels), H = G or 1 channels of an input group,
K kernel points, k the kernel's side.
"""

from collections.abc import Collection
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from cnn_core.nn.symmetry import SYMMETRIES, group, places


def _index(side: int, plain_inputs: bool, plain_outputs: bool) -> np.ndarray:
    """(G or 1, H, K): which of the stored numbers of a pair of channel groups each weight is.

    f(h, y) are an input's channels; the output is out(g, x) = sum over h, y of f(h, x + y) w(g^-1 h, g^-1 y), and
    for plain outputs, which all g must leave, w(h, y) = v(h^-1 y).
    """
    undo, product = group()
    back = places(side)[undo]  # (G, K) where the inverse of each symmetry puts a point
    if plain_outputs:
        return back[None]
    if plain_inputs:
        return back[:, None]
    return product[undo][:, :, None] * side**2 + back[:, None]


class TiedWeight(nn.Module):
    """Parametrization of a weight (outputs, inputs, k, k) or (outputs, inputs), stored as (O, I, numbers)."""

    index: Tensor

    def __init__(self, side: int, plain_inputs: bool, plain_outputs: bool):
        super().__init__()
        index = _index(side, plain_inputs, plain_outputs)
        self.counts = index.shape
        self.plain_outputs = plain_outputs
        self.register_buffer("index", torch.from_numpy(index.ravel().copy()), persistent=False)

    def forward(self, stored: Tensor) -> Tensor:
        """(O, I, numbers) -> (O * G, I * H, k, k), or (O, I * H, k, k) for plain outputs."""
        outputs, inputs = stored.shape[:2]
        groups, members, points = self.counts
        full = stored.index_select(2, self.index).view(outputs, inputs, groups, members, points)
        full = full.transpose(1, 2).reshape(outputs * groups, inputs * members, points)
        side = round(points**0.5)
        return full.view(*full.shape[:2], side, side)

    def right_inverse(self, full: Tensor) -> Tensor:
        """The stored numbers of which the first filter of each group is made."""
        groups, members, points = self.counts
        first = full.view(full.shape[0] // groups, groups, -1, members, points)[:, 0]  # (O, I, H, K)
        return (first[:, :, 0] if self.plain_outputs else first.flatten(2)).clone()


class _TiedLinear(TiedWeight):
    """The weight (outputs, inputs) of a dense layer: a kernel of one point."""

    def forward(self, stored: Tensor) -> Tensor:
        """(O, I, numbers) -> (O * G, I * H), or (O, I * H) for plain outputs."""
        return super().forward(stored).flatten(1)


class TiedChannels(nn.Module):
    """Parametrization of one number a channel (O * G,), stored as one a group (O,)."""

    def forward(self, stored: Tensor) -> Tensor:
        """(O,) -> (O * G,)."""
        return stored.repeat_interleave(SYMMETRIES)

    def right_inverse(self, full: Tensor) -> Tensor:
        """The number of each group's first channel."""
        return full[::SYMMETRIES].clone()


def tie(network: nn.Module, plain_inputs: Collection[str] = (), plain_outputs: Collection[str] = ()) -> None:
    """Tie the weights of all convolutions, dense layers and batch norms in `network`, in place.

    Channels must be multiples of 8, each group of 8 the views of one filter; only layers named in `plain_inputs` take
    channels as they are (pictures, boards), those in `plain_outputs` give such. In evaluation the network is then
    equivariant up to rounding, as long as all other layers treat channels and points alike; in training but for
    batch norm, which measures each view apart. Kernels must be square, without groups of their own.
    Raises ValueError for a layer that cannot be tied.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            _tie_layer(name, module, name in plain_inputs, name in plain_outputs)
        elif isinstance(module, nn.BatchNorm2d):
            _channels(name, module.num_features, False)
            if module.affine:
                for part in ("weight", "bias"):
                    parametrize.register_parametrization(module, part, TiedChannels())
            module.register_forward_hook(_share_statistics)


def untied(network: nn.Module) -> dict[str, Tensor]:
    """The state of `network` under the names that it has without ties, every weight whole; a copy."""
    state = {name: value for name, value in network.state_dict().items() if ".parametrizations." not in name}
    for path, module in network.named_modules():
        for name in getattr(module, "parametrizations", ()):
            state[f"{path}.{name}" if path else name] = getattr(module, name)
    return {name: value.detach().clone() for name, value in state.items()}


def _channels(name: str, channels: int, plain: bool) -> None:
    if not plain and channels % SYMMETRIES:
        raise ValueError(f"{name} has {channels} channels; tied layers need multiples of {SYMMETRIES}")


def _tie_layer(name: str, layer: nn.Conv2d | nn.Linear, plain_inputs: bool, plain_outputs: bool) -> None:
    side = 1
    if isinstance(layer, nn.Conv2d):
        side, other = layer.kernel_size
        alike = all(isinstance(p, str) or p[0] == p[1] for p in (layer.stride, layer.padding, layer.dilation))
        if side != other or layer.groups != 1 or not alike:
            raise ValueError(f"{name}: only square convolutions without groups can be tied")
    outputs, inputs = layer.weight.shape[:2]
    _channels(name, inputs, plain_inputs)
    _channels(name, outputs, plain_outputs)
    if plain_inputs and plain_outputs:
        raise ValueError(f"{name}: a tied layer needs channels in groups on one side")
    kind = TiedWeight if isinstance(layer, nn.Conv2d) else _TiedLinear
    tied = kind(side, plain_inputs, plain_outputs)
    parametrize.register_parametrization(layer, "weight", tied)
    layer.parametrizations.weight.original.tied = tied  # type: ignore[union-attr]  # for Muon, which needs whole filters
    if layer.bias is not None and not plain_outputs:
        parametrize.register_parametrization(layer, "bias", TiedChannels())


def _share_statistics(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    """After a training step of a batch norm: the 8 views of a filter keep the same running mean and variance."""
    norm = cast(nn.BatchNorm2d, module)
    if norm.training and norm.running_mean is not None and norm.running_var is not None:
        for running in (norm.running_mean, norm.running_var):
            groups = running.data.view(-1, SYMMETRIES)  # data: backward in training does not read what it keeps of them
            groups.copy_(groups.mean(1, keepdim=True).expand_as(groups))

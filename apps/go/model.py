"""The Go network: fully convolutional, no pooling, one output for each point. Letters: B batch, C channels, H = W size.

Only `pool` shrinks the board, and that is there to be compared with. The global bias looks at the whole board and
gives each channel one number; it subsamples nothing.
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.go.config import GoConfig, GoNetConfig, planes_of, views
from apps.go.counting import outcome
from apps.go.front import GoFront, few_stones
from apps.go.records import foresight
from apps.go.rules.encode import STONES_PLANE
from apps.go.rules.symmetry import COUNT, sources, tables
from cnn_core.nn.blocks import ConvBlock, ResidualBlock, pointwise, pooling
from cnn_core.nn.equivariance import tie
from cnn_core.nn.views import AveragedViews, Back
from cnn_core.training.data import Batch
from cnn_core.training.inference import Step, class_means


def whole_board(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 2C): mean and maximum of each channel over the board."""
    values = x.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H * W, C), as channels_last lies in memory
    # Not amax: its backward pass counts equal maxima, in arrays of integers.
    return torch.cat((values.mean(1), values.max(1).values), 1)


class GlobalBias(nn.Module):
    """Adds to each channel a number that depends on means and maxima of all channels over the board (Wu 2019)."""

    def __init__(self, channels: int):
        super().__init__()
        self.linear = nn.Linear(2 * channels, channels)
        nn.init.normal_(self.linear.weight, std=0.1 / channels**0.5)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x + self.linear(whole_board(x))[:, :, None, None]


class GlobalResidualBlock(ResidualBlock):
    """A residual block whose first convolution is followed by a global bias."""

    def __init__(self, channels: int):
        super().__init__(channels, channels)
        self.overall = GlobalBias(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return self.act(self.second(self.overall(self.first(x))) + x)


class GlobalConvBlock(ConvBlock):
    """A convolution, its activation and a global bias."""

    def __init__(self, channels: int):
        super().__init__(channels, channels, 3, padding=None, norm="batch")
        self.overall = GlobalBias(channels)


class PooledBody(nn.Sequential):
    """Pooling, the blocks on the smaller board, every value repeated to the old size, plus the input: for comparison.

    Without the input, which has seen each point apart, the points of a group could not be told from each other.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        small = super().forward(functional.pad(input, (0, input.shape[3] % 2, 0, input.shape[2] % 2)))
        return input + functional.interpolate(small, scale_factor=2)[:, :, : input.shape[2], : input.shape[3]]


class Judgement(nn.Module):
    """How the game will end, as `apps.go.counting.outcome` learns it: a logit of ownership a point, then the mean and
    the spread of the margin on the board, in points.

    The mean is the sum of the ownership and a correction that the whole board gives.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.hidden = pointwise(channels, channels)
        self.owner = pointwise(channels, 1)
        self.whole = pointwise(2 * channels, outcome.NUMBERS)
        nn.init.zeros_(self.whole.weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.whole.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, H * W + 2), all for the player to move."""
        x = functional.relu(self.hidden(x))
        owner = self.owner(x).flatten(1).float()  # (B, n)
        mean, spread = self.whole(whole_board(x)[:, :, None, None]).flatten(1).float().unbind(1)
        side = owner.shape[1] ** 0.5
        mean = torch.tanh(owner / 2).sum(1) + side * mean
        return torch.cat((owner, mean[:, None], (0.5 + side * functional.softplus(spread))[:, None]), 1)


class MoveHead(nn.Module):
    """The same dense layer at every point, then the points in a row; `passes` adds a pass from means and maxima.

    With `foresee` what comes later (see `apps.go.records.foresight`) follows in a row while training, and with `judge`
    how the game ends; what a trained network says of that, `GoNet.judged` gives.
    """

    def __init__(self, channels: int, passes: bool, foresee: bool = False, judge: bool = False):
        super().__init__()
        self.judgement = Judgement(channels) if judge else None
        self.point = pointwise(channels, 1)
        self.passing = nn.Linear(2 * channels, 1) if passes else None
        self.foresight = pointwise(channels, foresight.OUTPUTS) if foresee else None
        self.register_load_state_dict_pre_hook(_with_present_names)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, H * W) logits, or (B, H * W + 1); in training foresight.OUTPUTS * H * W more, and those
        of `Judgement`."""
        parts = [self.point(x).flatten(1)]
        if self.passing is not None:
            parts.append(self.passing(whole_board(x)))
        if self.foresight is not None and self.training:
            parts.append(self.foresight(x).flatten(1))
        if self.judgement is not None and self.training:
            parts.append(self.judgement(x))
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


def _with_present_names(_head: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Weights of runs of version 0.1, where `foresight` was called `later`, under their names of today."""
    for name in [name for name in state if name.startswith(f"{prefix}later.")]:
        state[f"{prefix}foresight.{name.removeprefix(f'{prefix}later.')}"] = state.pop(name)


class GoNet(nn.Sequential):
    """front, conv1, then res2, res3, ... (or conv2, ...), output: children with names that a user can type.

    Input (B, P, H, W) compact planes uint8, output (B, H * W) logits (one more with `passes`), at any board size;
    while training with `foresee` what comes later follows in each row, and with `judge` how the game ends.
    """

    def __init__(self, config: GoConfig):
        front = GoFront(config.features, config.drop_history, config.upright)
        net = config.net
        parts: OrderedDict[str, nn.Module] = OrderedDict(front=front)
        parts["conv1"] = ConvBlock(front.planes, net.filters, net.first, padding=None, norm="batch")
        blocks = OrderedDict(_blocks(net))
        if net.pool == "none":
            parts.update(blocks)
        else:
            parts["pooled"] = PooledBody(OrderedDict(pool=pooling(net.pool, 2), **blocks))
        head = parts["output"] = MoveHead(net.filters, config.passes, config.foresee > 0, config.judge > 0)
        super().__init__(parts)
        if net.tied:
            plain = [f"output.{name}" for name, _ in head.named_modules() if not name.endswith("hidden")]
            tie(self, plain_inputs=["conv1.conv"], plain_outputs=plain)

    def judged(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Compact planes (B, P, H, W) -> logits as `forward` gives them; and of a network with a judgement, all for
        the player to move: win probability (B,), points that it leads by with komi (B,), ownership (B, H * W) -1..1.
        """
        *body, head = self
        x = inputs
        for part in body:
            x = part(x)
        assert isinstance(head, MoveHead)
        if head.judgement is None:
            return (head(x),)
        found = head.judgement(x)
        owner, score = found[:, :-2], found[:, -2] + outcome.own_komi(inputs)
        return head(x), torch.sigmoid(score / found[:, -1]), score, torch.tanh(owner / 2)


def _blocks(net: GoNetConfig) -> list[tuple[str, nn.Module]]:
    found: list[tuple[str, nn.Module]] = []
    for i in range(net.blocks):
        overall = bool(net.global_every) and (i + 1) % net.global_every == 0
        if net.block == "residual":
            block = GlobalResidualBlock(net.filters) if overall else ResidualBlock(net.filters, net.filters)
        elif overall:
            block = GlobalConvBlock(net.filters)
        else:
            block = ConvBlock(net.filters, net.filters, 3, padding=None, norm="batch")
        found.append((f"{'res' if net.block == 'residual' else 'conv'}{i + 2}", block))
    return found


def judged(network: nn.Module, inputs: Tensor) -> tuple[Tensor, ...]:
    """What `GoNet.judged` gives."""
    assert isinstance(network, GoNet)
    return network.judged(inputs)


def build(config: GoConfig, labels: tuple[str, ...]) -> nn.Module:
    """The network of `config`. The number of labels must not differ from the points of the board (and a pass)."""
    assert len(labels) == config.size**2 + config.passes
    return GoNet(config)


def example(config: GoConfig) -> Tensor:
    """Two positions (2, P, size, size) uint8 of compact planes: an empty board, and one stone in the middle."""
    planes = torch.zeros(2, planes_of(config), config.size, config.size, dtype=torch.uint8)
    planes[1, STONES_PLANE, config.size // 2, config.size // 2] = 1
    return planes


def averaged(network: nn.Module, config: GoConfig) -> AveragedViews:
    """`network`, a GoNet of `config`, that answers with the log of its mean probability over the 8 symmetries."""
    assert isinstance(network, GoNet)
    return AveragedViews(network, [partial(turned, k, config.upright) for k in range(views(config))])


def turned(number: int, upright: int, planes: Tensor) -> tuple[Tensor, Back]:
    """The view of boards (B, P, H, W) by symmetry `number`; those with fewer stones than `upright` stay as they are."""
    symmetry = torch.full((len(planes),), number, dtype=torch.long, device=planes.device)
    symmetry = turnable(planes, symmetry, upright)

    def back(probabilities: Tensor) -> Tensor:
        places = torch.tensor(tables(planes.shape[-1]), device=planes.device)
        return probabilities.gather(1, places[symmetry, : probabilities.shape[1]])

    return turn(planes, symmetry), back


def turnable(planes: Tensor, symmetry: Tensor, upright: int) -> Tensor:
    """`symmetry` (B,), but 0 for boards (B, P, size, size) with fewer stones than `upright`."""
    return symmetry.masked_fill(few_stones(planes, upright), 0) if upright else symmetry


def turn(planes: Tensor, symmetry: Tensor) -> Tensor:
    """Planes (B, P, size, size) turned by `symmetry` (B,), one of 8 each."""
    size = planes.shape[-1]
    place = torch.tensor(sources(size), device=planes.device)[symmetry]  # (B, n)
    return planes.flatten(2).gather(2, place[:, None].expand(-1, planes.shape[1], -1)).view_as(planes)


def turn_moves(moves: Tensor, symmetry: Tensor, size: int) -> Tensor:
    """Moves (B,) turned by `symmetry` (B,); a pass stays a pass."""
    return torch.tensor(tables(size), device=moves.device)[symmetry, moves]


def step(config: GoConfig) -> Step:
    """Cross-entropy over moves; while training on positions turned at random, and over what comes later and how the
    game ends."""

    def measured(model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        inputs, moves = batch.inputs, batch.targets
        if not model.training:
            return class_means(model(inputs), moves)
        if config.symmetries:
            symmetry = torch.randint(COUNT, (len(batch),), device=inputs.device)
            symmetry = turnable(inputs, symmetry, config.upright)
            inputs, moves = turn(inputs, symmetry), turn_moves(moves, symmetry, config.size)
        outputs = model(inputs)
        count = config.size**2 + config.passes
        means = class_means(outputs[:, :count], moves, config.fit.label_smoothing)
        outputs, objective = outputs[:, count:], means["loss"]
        if config.judge:
            inputs, endings = inputs[:, : -outcome.PLANES], inputs[:, -outcome.PLANES :]
            ending = outcome.losses(outputs[:, -(config.size**2 + outcome.NUMBERS) :], inputs, endings)
            objective = objective + config.judge * outcome.objective(ending)
            means |= ending
        if config.foresee:
            later = outputs[:, : foresight.OUTPUTS * config.size**2]
            boards, replies = foresight.losses(later, inputs[:, -foresight.PLANES :])
            objective = objective + config.foresee * (boards + replies / 10)
        return means | ({"objective": objective} if config.judge or config.foresee else {})

    return measured

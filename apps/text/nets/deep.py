"""A deeper network for texts or characters, in the manner of DPCNN (Johnson and Zhang 2017). Letters: B batch, T time,
C channels, F filters."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.text.config import TextNet
from apps.text.front import WordFront
from apps.text.nets.encoder import EncoderFront
from apps.text.nets.layers import ClippedLinear, Pool, text_lengths, valid


class PreBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), both three words wide, zero beyond the text."""

    def __init__(self, filters: int):
        super().__init__()
        self.first = nn.Conv1d(filters, filters, 3, padding=1)
        self.second = nn.Conv1d(filters, filters, 3, padding=1)

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        """(B, F, T) -> (B, F, T); `inside` (B, 1, T) is 1 within the text."""
        y = self.first(functional.relu(x)) * inside
        return x + self.second(functional.relu(y)) * inside


def halve(x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The larger of each two neighbours within the text: (B, F, T) -> (B, F, (T + 1) // 2), and the new lengths."""
    hidden = x.masked_fill(valid(x, lengths) == 0, -torch.inf)
    # Not max_pool1d: the exporter takes the length that it sees there for a constant.
    even, odd = hidden[:, :, ::2], functional.pad(hidden, (0, 1), value=-torch.inf)[:, :, 1::2]
    y = torch.where(even >= odd, even, odd)
    lengths = (lengths + 1) // 2
    return y.masked_fill(valid(y, lengths) == 0, 0.0), lengths


class DeepNet(nn.Module):
    """Convolution, then residual blocks with the length halved before each but the first, pooled over time.

    Children: front, conv1, res1, res2, ..., pool, dropout, output. Takes what WindowNet takes.
    """

    def __init__(self, front: WordFront | EncoderFront, net: TextNet, classes: int):
        super().__init__()
        self.front: nn.Module = front
        self.conv1 = nn.Conv1d(front.channels, net.filters, 3, padding=1)
        self.blocks = net.blocks
        for number in range(1, net.blocks + 1):
            self.add_module(f"res{number}", PreBlock(net.filters))
        self.pool = Pool(net.pool)
        self.dropout = nn.Dropout(net.dropout)
        self.output = ClippedLinear(net.filters, classes, net.max_norm)
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, input: Tensor) -> Tensor:
        """Word numbers (B, T) -> logits (B, classes)."""
        x = self.front(input)  # (B, C, T)
        lengths = text_lengths(input).clamp(min=1)
        x = self.conv1(x)
        x = x * valid(x, lengths)
        for number in range(1, self.blocks + 1):
            if number > 1:
                x, lengths = halve(x, lengths)
            x = self.get_submodule(f"res{number}")(x, valid(x, lengths))
        return self.output(self.dropout(self.pool(functional.relu(x), lengths)))

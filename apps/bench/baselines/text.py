"""Kim's network as a first program writes it: an embedding with dense gradients, conv1d, texts padded as they come."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class PlainNet(nn.Module):
    """Kim's network as it is usually written."""

    def __init__(self, words: int, classes: int, width: int = 300, filters: int = 100):
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        nn.init.uniform_(self.embedding.weight, -0.25, 0.25)
        self.convs = nn.ModuleList([nn.Conv1d(width, filters, k, padding=k - 1) for k in (3, 4, 5)])
        self.output = nn.Linear(3 * filters, classes)

    def forward(self, words: Tensor) -> Tensor:
        """(B, T) -> (B, classes)."""
        x = self.embedding(words).transpose(1, 2)
        features = torch.cat([functional.relu(conv(x)).amax(2) for conv in self.convs], 1)
        return self.output(functional.dropout(features, 0.5, self.training))

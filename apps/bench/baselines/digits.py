"""PyTorch's MNIST example: its network, and pictures one at a time for a DataLoader."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from cnn_core.training.data import Split


class ExampleNet(nn.Module):
    """The network of PyTorch's MNIST example, (B, 1, 28, 28) -> (B, 10) log-probabilities."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.drop1, self.drop2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.dense1, self.dense2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits as log-probabilities."""
        x = functional.relu(self.conv2(functional.relu(self.conv1(x))))
        x = self.drop1(functional.max_pool2d(x, 2)).flatten(1)
        x = self.drop2(functional.relu(self.dense1(x)))
        return functional.log_softmax(self.dense2(x), 1)


class Pictures(Dataset):
    """One normalised picture at a time."""

    def __init__(self, split: Split):
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        picture = self.split.inputs[index].float().div(255).sub(0.1307).div(0.3081)
        return picture[None], self.split.targets[index]


@torch.no_grad()
def accuracy(model: nn.Module, tests: DataLoader) -> float:
    """Share of right answers; the model is left in eval mode."""
    model.eval()
    return sum(int((model(x).argmax(1) == y).sum()) for x, y in tests) / len(tests.dataset)  # type: ignore[arg-type]

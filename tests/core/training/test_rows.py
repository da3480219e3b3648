"""Tables with sparse gradients: Adadelta on rows equals Adadelta on all, and resumes with the same bits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from cnn_core.errors import UserError
from cnn_core.training.data import Split
from cnn_core.training.engine import Interrupted, evaluate, fit
from cnn_core.training.optim import RowAdadelta, RowAdamW, make_optimizer
from cnn_core.training.recipe import FitConfig

ADADELTA = FitConfig(
    epochs=3, batch_size=8, optimizer="adadelta", learning_rate=1.0, schedule="constant", precision="fp32"
)


class Bag(nn.Module):
    """The mean of word vectors, and a dense layer; the table's gradient is sparse."""

    def __init__(self, sparse: bool = True):
        super().__init__()
        self.table = nn.Parameter(torch.randn(40, 6))
        self.table.row_sparse = True
        self.output = nn.Linear(6, 3)
        self.sparse = sparse
        self.steps = 0

    def forward(self, x):
        return self.output(functional.embedding(x, self.table, sparse=self.sparse and self.training).mean(1))

    def after_step(self):
        self.steps += 1


def bag(sparse: bool = True) -> Bag:
    torch.manual_seed(3)
    return Bag(sparse)


def words(count: int = 64) -> Split:
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(0, 40, (count, 5), generator=generator)
    return Split(x, x[:, 0] % 3)


@given(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=4), min_size=1, max_size=12), st.floats(0.5, 0.99))
def test_rows_equal_the_dense_optimizer(batches, rho):
    torch.manual_seed(0)
    start = torch.randn(7, 3, dtype=torch.float64)
    slopes = torch.randn(7, 3, dtype=torch.float64)
    sparse, dense = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    rows, full = RowAdadelta([sparse], lr=1.0, rho=rho), torch.optim.Adadelta([dense], lr=1.0, rho=rho)
    for number, batch in enumerate(batches):
        for table, optimizer, is_sparse in ((sparse, rows, True), (dense, full, False)):
            loss = (functional.embedding(torch.tensor(batch), table, sparse=is_sparse) * slopes[batch]).sum() * (
                number + 1
            )
            loss.backward()
            assert table.grad.is_sparse == is_sparse
            optimizer.step()
            optimizer.zero_grad()
    torch.testing.assert_close(sparse, dense, rtol=1e-9, atol=1e-12)


def test_training_equals_dense_training():
    first, second = bag(), bag(sparse=False)
    assert isinstance(make_optimizer(first, ADADELTA), RowAdadelta)
    for model in (first, second):
        fit(model, words(), ADADELTA, progress=False)
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=1e-4, atol=1e-6)
    assert first.steps == 3 * 8


@given(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=4), min_size=1, max_size=12), st.floats(0.5, 0.999))
def test_rows_equal_adam_without_momentum(batches, beta):
    torch.manual_seed(0)
    start, slopes = torch.randn(2, 7, 3, dtype=torch.float64)
    sparse, dense = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    rows = RowAdamW([sparse], lr=0.1, betas=(0.9, beta), weight_decay=0.0)
    full = torch.optim.AdamW([dense], lr=0.1, betas=(0.0, beta), weight_decay=0.0)
    for number, batch in enumerate(batches):
        for table, optimizer, is_sparse in ((sparse, rows, True), (dense, full, False)):
            taken = functional.embedding(torch.tensor(batch), table, sparse=is_sparse)
            (taken * slopes[batch] * (number + 1)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    torch.testing.assert_close(sparse, dense, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw", "learning_rate": 0.01},
        {"optimizer": "sgd", "learning_rate": 0.5},
        {"clip_norm": 1.0},
        {"ema": 0.9},
    ],
)
def test_other_recipes_learn_from_sparse_gradients_too(changes):
    config = FitConfig(**{**vars(ADADELTA), "epochs": 12, **changes})
    model = bag()
    before = evaluate(model, words(), precision="fp32")["loss"]
    fit(model, words(), config, progress=False)
    assert evaluate(model, words(), precision="fp32")["loss"] < 0.9 * before


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("optimizer", ["adadelta", "adamw"])
def test_resuming_gives_the_same_bits(tmp_path, ema, optimizer):
    rate = 1.0 if optimizer == "adadelta" else 0.01
    changes = {"ema": ema, "save_seconds": 0.0, "optimizer": optimizer, "learning_rate": rate}
    config = FitConfig(**{**vars(ADADELTA), **changes})
    whole = bag()
    fit(whole, words(), config, progress=False)
    parts = bag()

    def stop(model, batch):
        if parts.training:
            stop.count += 1
            if stop.count == 13:
                raise Interrupted
        loss = functional.cross_entropy(model(batch.inputs), batch.targets)
        return {"loss": loss}

    stop.count = 0
    with pytest.raises(Interrupted):
        fit(parts, words(), config, step=stop, run=tmp_path, progress=False)
    again = bag()
    fit(again, words(), config, run=tmp_path, resume=True, progress=False)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_a_bad_optimizer_state_is_a_user_error(tmp_path):
    fit(bag(), words(), ADADELTA, run=tmp_path, progress=False)

    class Other(Bag):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.randn(41, 6))

    with pytest.raises(UserError, match="does not fit"):
        fit(Other(), words(), ADADELTA, run=tmp_path, resume=True, progress=False)

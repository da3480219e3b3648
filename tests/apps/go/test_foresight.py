"""What comes after a position: its planes against a game replayed by sgfmill, its loss against plain sums."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sgfmill import boards

from apps.go.config import Choice, GoConfig, GoNetConfig
from apps.go.data import load
from apps.go.model import build, step
from apps.go.records import foresight
from cnn_core.training.data import Batch
from tests.helpers.go_games import board_array, play_on, random_game, record


@pytest.fixture(scope="module")
def games(tmp_path_factory):
    """A folder of games, and their moves in the order of the collection."""
    folder = tmp_path_factory.mktemp("games")
    for seed in range(12):
        moves = random_game(9, seed, 45, passes=0.05)
        if seed == 3:  # black plays twice in a row: the side to move is what the record says
            moves = [move for i, move in enumerate(moves) if i != 7]
        (folder / f"{seed:02}.sgf").write_text(record(moves))
    return folder


def config(folder, **changes):
    return replace(GoConfig(data=str(folder), choice=Choice(validation=0.2, test=0.2), foresee=2.0), **changes)


def boards_of(entries):
    """Before each entry: (colour to move, stones 0, 1, 2 of every point on sgfmill's board)."""
    board, found = boards.Board(9), []
    for entry in entries:
        colour, point = 1 + (entry >> 9 & 1), int(entry & 511)
        found.append((colour, board_array(board).flatten()))
        play_on(board, colour, point)
    return found


def test_planes_are_the_boards_and_moves_to_come(games):
    split = load(config(games)).train
    assert split.foreseen
    inputs, _ = split.take(torch.arange(len(split)))
    planes = inputs[:, -foresight.PLANES :].flatten(2).numpy()
    collection, row, turned = split.games, 0, 0
    for game in range(len(collection)):
        entries = collection.entries(game).astype(int)
        before = boards_of(entries)
        for i, entry in enumerate(entries):
            if entry & 511 == 81:
                continue
            for k, ahead in enumerate(foresight.AHEAD):
                (mover, _), (colour, board) = before[i], before[min(i + ahead, len(entries) - 1)]
                own = np.where(board == 0, 0, np.where(board == mover, 1, 2))
                np.testing.assert_array_equal(planes[row, k], own)
                turned += colour != mover
            replies = np.zeros(81, int)
            for j in (1, 2):
                if i + j < len(entries) and entries[i + j] & 511 < 81:
                    replies[entries[i + j] & 511] += j
            np.testing.assert_array_equal(planes[row, -1], replies)
            row += 1
    assert row == len(split)
    assert turned > 20


def test_losses_are_plain_sums():
    torch.manual_seed(0)
    size, count = 5, 3
    outputs = torch.randn(count, foresight.OUTPUTS * size**2, dtype=torch.float64).float()
    wanted = torch.randint(0, 3, (count, foresight.PLANES, size, size), dtype=torch.uint8)
    wanted[:, -1] = 0
    wanted[0, -1, 1, 1] = 1
    wanted[0, -1, 2, 3] = 2
    wanted[1, -1, 4, 4] = 3
    board_loss, replies = foresight.losses(outputs, wanted)
    logits = outputs.view(count, foresight.OUTPUTS, size**2)
    total = 0.0
    for b in range(count):
        for k in range(2):
            for p in range(size**2):
                three = logits[b, 3 * k : 3 * k + 3, p].log_softmax(0)
                total -= float(three[int(wanted[b, k].flatten()[p])])
    assert float(board_loss) == pytest.approx(total / (count * 2 * size**2), rel=1e-5)
    first, second = logits[:, 6].log_softmax(1), logits[:, 7].log_softmax(1)
    total = -float(first[0, 6] + second[0, 13] + first[1, 24] + second[1, 24])
    assert float(replies) == pytest.approx(total / (2 * count), rel=1e-5)


@pytest.mark.parametrize("passes", [False, True])
def test_the_network_answers_as_before_and_foresees_while_training(games, passes):
    chosen = config(games, net=GoNetConfig(filters=8, blocks=1), passes=passes, features="history")
    data = load(chosen)
    torch.manual_seed(0)
    model = build(chosen, data.labels)
    inputs, moves = data.train.take(torch.arange(16))
    assert inputs.shape[1] == 3 + foresight.PLANES
    assert model.eval()(inputs).shape == (16, 81 + passes)
    torch.testing.assert_close(model(inputs[:, :3]), model(inputs))  # what comes later is not seen
    assert model.train()(inputs).shape == (16, 81 + passes + foresight.OUTPUTS * 81)
    means = step(chosen)(model, Batch(inputs, moves, 16))
    assert means["objective"] > means["loss"]
    means["objective"].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    with torch.no_grad():
        assert set(step(chosen)(model.eval(), Batch(inputs[:, :3], moves, 16))) == {"loss", "accuracy"}


def test_what_comes_later_is_turned_with_the_position(games):
    """A network that copies a plane to its outputs foresees it in every symmetry, or in none."""
    chosen = config(games)
    inputs, moves = load(chosen).train.take(torch.arange(64))
    inputs[:, -foresight.PLANES :] = 0
    marked = torch.zeros(64, 81, dtype=torch.uint8)
    marked[torch.arange(64), moves] = 1
    inputs[:, -1] = marked.view(64, 9, 9)  # the reply is where the move is

    class Copy(torch.nn.Module):
        def forward(self, x):
            outputs = torch.zeros(len(x), 81 + foresight.OUTPUTS * 81)
            outputs[:, 81 + 6 * 81 : 81 + 7 * 81] = 50.0 * x[:, -1].flatten(1)
            outputs[:, :81] = 50.0 * x[:, -1].flatten(1)
            return outputs

    means = step(replace(chosen, foresee=1.0))(Copy().train(), Batch(inputs, moves, 64))
    assert float(means["accuracy"]) == 1
    nothing = np.log(3)  # nothing is said about the boards
    assert float(means["objective"] - means["loss"]) == pytest.approx(nothing, abs=1e-4)

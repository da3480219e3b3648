"""How games end, as something to learn: planes, losses, labels, and what a network with a judgement answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from apps.go.app import APP
from apps.go.config import Choice, GoConfig, GoNetConfig
from apps.go.counting import labels, outcome
from apps.go.counting.count import score_of
from apps.go.counting.settling import gnugo, playouts
from apps.go.data import load, read_data
from apps.go.model import build, judged, step
from apps.go.play.evaluation import Evaluation, Policy, evaluate
from apps.go.play.lookahead import SCALE, look_ahead
from apps.go.records.sgf import read_sgf
from apps.go.rules.encode import KOMI
from apps.go.rules.position import Position
from cnn_core import runs
from cnn_core.cli import run
from cnn_core.exporting.run import export_answers
from cnn_core.exporting.session import exported
from cnn_core.training.data import Batch
from tests.helpers.go import Noise, needs_gnugo, tiny_run
from tests.helpers.go_games import random_game, record

TINY = GoConfig(net=GoNetConfig(filters=8, blocks=1), features="tactics", judge=1.0)


@pytest.fixture
def position():
    found = Position(9)
    for colour, point in ((1, 40), (2, 30), (1, 22), (2, 58)):
        found.play(colour, point)
    return found


def few(count=40):
    """The first games of the shipped data set."""
    games, _ = read_data("gnugo-9x9", progress=False)
    return games.take(np.arange(count))


@pytest.mark.parametrize(
    ("text", "margin", "result"),
    [("B+3.5", 3.5, 1), ("W+12", -12, 2), ("b+0,5", 0.5, 1), ("0", 0, 3), ("Draw", 0, 3), ("W+R", None, 2),
     ("B+Time", None, 1), ("?", None, 0), ("", None, 0), ("B+", None, 1), ("W+3.5 (moku)", -3.5, 2)],
)  # fmt: skip
def test_the_margin_of_a_record(text, margin, result):
    (game,) = read_sgf(f"(;SZ[9]RE[{text}];B[ee])".encode())
    assert game.result == result
    assert np.isnan(game.margin) if margin is None else game.margin == margin


def test_the_shipped_games_are_settled_as_their_records_say():
    games = few()
    found = labels.settle_all(games, [playouts], progress=False)
    settled = found.owner[:, 0] > 0
    assert settled.mean() >= 0.95
    for owner, margin, result, komi in zip(found.owner, games.margin, games.result, games.komi, strict=True):
        if owner[0]:
            assert score_of(owner) == margin + komi  # area counted by GNU Go, to the point
            assert result == (1 if margin > 0 else 2 if margin < 0 else 3)
    assert np.array_equal(found.margin[settled], (games.margin + games.komi)[settled])


def test_a_count_that_the_record_does_not_bear_out_teaches_no_owners():
    games = few(4)
    wrong = replace(games, margin=games.margin + np.array([0, 1, 8, np.nan], np.float32))
    found = labels.settle_all(wrong, [playouts], progress=False)
    assert (found.owner[:, 0] > 0).tolist() == [True, True, False, False]
    assert found.margin[2] == games.margin[2] + 8 + games.komi[2]  # the record's own margin is still learned from
    assert np.isnan(found.margin[3])


def test_territory_of_a_record_is_learned_from(tmp_path):
    # black has the left, white the right; a dead white stone at a2, dame in the middle column
    moves = ";B[ba];W[da];B[bb];W[db];B[bc];W[dc];B[bd];W[dd];B[be];W[de];B[];W[ad]"
    (tmp_path / "a.sgf").write_text(f"(;SZ[5]KM[0.5]RE[W+R]{moves}TB[aa:ae]TW[ea:ee])")
    games, _ = read_data(str(tmp_path), progress=False)
    found = labels.settle_all(games, [], progress=False)
    assert found.owner.reshape(5, 5).tolist() == [[1, 1, 3, 2, 2]] * 5
    assert found.margin[0] == 0
    (tmp_path / "a.sgf").write_text(f"(;SZ[5]RE[W+R]{moves}TB[az])")  # makes no sense, and does the game no harm
    games, report = read_data(str(tmp_path), progress=False)
    assert (report.games, games.owner.shape) == (1, (1, 0))


@needs_gnugo
def test_gnu_go_settles_where_random_games_are_not_borne_out():
    class Wrong:
        name = "wrong"

        def __call__(self, position):
            return np.ones(81, np.int8)

    games = few(3)
    found = labels.settle_all(games, [Wrong(), gnugo], progress=False)
    expected = labels.settle_all(games, [playouts], progress=False)
    assert np.array_equal(found.owner, expected.owner)


def test_endings_are_kept_in_the_cache(tmp_path, monkeypatch):
    games = few(3)
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path))
    first = labels.endings(games, progress=False)
    monkeypatch.setattr(labels, "settle_all", None)  # would fail if it were called
    again = labels.endings(games, progress=False)
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(again, name))
    (file,) = (tmp_path / "go").iterdir()
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(TypeError):  # a damaged file is not used
        labels.endings(games, progress=False)


def test_planes_are_seen_by_the_player_to_move():
    games = few(2)
    found = labels.settle_all(games, [playouts], progress=False)
    index = np.arange(games.offsets[0], games.offsets[2])
    game = np.repeat([0, 1], np.diff(games.offsets))
    is_move = (games.moves[index] & 3072) == 0
    samples = np.stack([game, index], 1)[is_move]
    planes = outcome.planes(games, found, samples, 9).flatten(2).numpy()
    for row, (g, i) in zip(planes, samples, strict=True):
        white = bool(games.moves[i] & 512)
        own = found.owner[g]
        turned = np.where(own == 1, 2, np.where(own == 2, 1, own)) if white else own
        assert np.array_equal(row[outcome.OWNERS], turned)
        points = (int(row[outcome.MARGIN, 0]) * 256 + int(row[outcome.MARGIN + 1, 0]) - 2**15) / 2
        assert points == found.margin[g] * (-1 if white else 1)
        black_won = games.result[g] == 1
        assert row[outcome.RESULT, 0] == (1 if black_won != white else 2)


def test_losses_are_plain_sums():
    torch.manual_seed(0)
    size, count = 4, 5
    points = size * size
    outputs = torch.randn(count, points + 2)
    outputs[:, -1] = torch.rand(count) + 0.5
    inputs = torch.zeros(count, 7, size, size, dtype=torch.uint8)
    inputs[:, KOMI] = torch.tensor([128, 143, 113, 128, 129], dtype=torch.uint8)[:, None, None]
    targets = torch.zeros(count, outcome.PLANES, size, size, dtype=torch.uint8)
    targets[:, outcome.OWNERS] = torch.randint(0, 4, (count, size, size))
    targets[:, outcome.RESULT] = torch.tensor([1, 2, 3, 0, 1], dtype=torch.uint8)[:, None, None]
    margins = [3.0, None, -12.5, 0.0, None]
    for row, margin in zip(targets, margins, strict=True):
        stored = 0 if margin is None else 2**15 + int(2 * margin)
        row[outcome.MARGIN], row[outcome.MARGIN + 1] = stored >> 8, stored & 255
    found = outcome.losses(outputs, inputs, targets)
    owners, winners, scores = [], [], []
    komi = [0, 7.5, -7.5, 0, 0.5]
    for b in range(count):
        mean, spread = float(outputs[b, -2]), float(outputs[b, -1])
        for p in range(points):
            kind = int(targets[b, outcome.OWNERS].flatten()[p])
            own = 1 / (1 + np.exp(-float(outputs[b, p])))
            if kind:
                share = {1: 1.0, 2: 0.0, 3: 0.5}[kind]
                owners.append(-share * np.log(own) - (1 - share) * np.log(1 - own))
        wins = 1 / (1 + np.exp(-(mean + komi[b]) / spread))
        result = int(targets[b, outcome.RESULT, 0, 0])
        if result:
            share = {1: 1.0, 2: 0.0, 3: 0.5}[result]
            winners.append(-share * np.log(wins) - (1 - share) * np.log(1 - wins))
        if margins[b] is not None:
            z = (margins[b] - mean) / spread
            density = np.exp(-z) / (spread * (1 + np.exp(-z)) ** 2)  # of the logistic distribution
            scores.append(-np.log(density))
    for name, values in (("owners", owners), ("winner", winners), ("margin", scores)):
        assert float(found[name]) == pytest.approx(np.mean(values), rel=1e-4), name


def test_a_batch_without_any_result_teaches_nothing_of_it():
    outputs = torch.randn(2, 18, requires_grad=True)
    inputs = torch.zeros(2, 7, 4, 4, dtype=torch.uint8)
    found = outcome.losses(outputs.abs(), inputs, torch.zeros(2, outcome.PLANES, 4, 4, dtype=torch.uint8))
    assert [float(value.detach()) for value in found.values()] == [0, 0, 0]


@pytest.mark.parametrize("changes", [{}, {"foresee": 1.0}, {"passes": True, "foresee": 1.0}])
def test_the_network_answers_as_before_and_judges_while_training(changes):
    config = replace(TINY, choice=Choice(validation=0.4, test=0.4), **changes)
    data = load(config)
    torch.manual_seed(0)
    model = build(config, data.labels)
    inputs, moves = data.train.take(torch.arange(16))
    assert model.eval()(inputs).shape == (16, 81 + config.passes)
    means = step(config)(model.train(), Batch(inputs, moves, 16))
    assert {"owners", "winner", "margin", "objective"} <= set(means)
    means["objective"].backward()
    assert all(p.grad is not None for p in model.parameters())
    assert set(step(config)(model.eval(), Batch(inputs[:, :7], moves, 16))) == {"loss", "accuracy"}
    logits, value, score, owner = judged(model, inputs[:, :7])
    assert torch.equal(logits, model(inputs[:, :7]))
    assert value.shape == score.shape == (16,)
    assert owner.shape == (16, 81)
    assert ((value > 0) & (value < 1)).all()
    assert (owner.abs() <= 1).all()
    assert ((value > 0.5) == (score > 0)).all()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("size", [5, 9, 19])
def test_both_engines_and_all_views_judge_alike(tmp_path, position, tied, size):
    config = replace(TINY, net=replace(TINY.net, tied=tied))
    folder = tiny_run(tmp_path / "run", features="tactics", judge=1.0, net=config.net)
    trained = runs.restore(APP, folder)
    with torch.no_grad():  # so that the heads say something of their own
        for parameter in trained.model.output.judgement.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    from cnn_core.training import checkpoint

    checkpoint.save(folder / "last", checkpoint.Checkpoint(trained.model.state_dict(), {"app": "go"}))
    trained = replace(runs.restore(APP, folder), config=replace(config, fit=replace(config.fit, precision="fp32")))
    export_answers(trained, folder / "model.onnx", None)
    without = exported(APP, folder, engine="onnx")
    assert without is not None
    board = position if size == 9 else Position(size)
    for symmetries in (1, 8):
        for colour in (1, 2):
            with_torch = Policy(trained).evaluate(board, colour, symmetries, 6.5)
            found = Policy(without).evaluate(board, colour, symmetries, 6.5)
            assert found.winrate == pytest.approx(with_torch.winrate, abs=1e-4)
            assert found.score == pytest.approx(with_torch.score, abs=1e-2)
            np.testing.assert_allclose(found.ownership, with_torch.ownership, atol=1e-4)
            np.testing.assert_allclose(found.policy, with_torch.policy, atol=1e-4)
            assert found.ownership.shape == (size, size)
            if symmetries == 8 and size != 9:  # an empty board is its own view
                np.testing.assert_allclose(found.ownership, found.ownership[::-1].T, atol=1e-5)


def test_several_positions_at_once_and_komi(tmp_path, position):
    policy = Policy(runs.restore(APP, tiny_run(tmp_path / "run", features="tactics", judge=1.0)))
    empty = Position(9)
    together = policy.evaluate_all([position, empty], komi=6.5)
    for each, alone in zip(together, [policy.evaluate(p, komi=6.5) for p in (position, empty)], strict=True):
        assert each.winrate == pytest.approx(alone.winrate, abs=2e-3)
        np.testing.assert_allclose(each.policy, alone.policy, atol=2e-3)
    assert policy.evaluate_all([]) == []
    low, high = (policy.evaluate(position, 1, komi=komi) for komi in (0.5, 20.5))
    assert high.winrate < low.winrate
    assert high.score == pytest.approx(low.score - 20, abs=0.3)


def test_networks_without_a_judgement_give_moves_alone(tmp_path, position):
    policy = Policy(runs.restore(APP, tiny_run(tmp_path / "run")))
    assert not policy.judges
    found = policy.evaluate(position)
    assert (found.winrate, found.score, found.ownership) == (None, None, None)
    np.testing.assert_array_equal(found.policy, policy.probabilities(position))
    assert found.of_black(2) is found
    np.testing.assert_array_equal(evaluate(Noise(), position).policy, Noise().probabilities(position))


def test_an_evaluation_seen_by_black():
    found = Evaluation(np.ones(82) / 82, 0.75, 4.5, np.full((9, 9), 0.5)).of_black(2)
    assert (found.winrate, found.score) == (0.25, -4.5)
    assert (found.ownership == -0.5).all()


@pytest.mark.parametrize("features", ["stones", "history", "gonn"])
def test_networks_that_see_no_komi_judge_with_it_all_the_same(tmp_path, position, features):
    policy = Policy(runs.restore(APP, tiny_run(tmp_path / "run", features=features, judge=1.0)))
    low, high = (policy.evaluate(position, 1, komi=komi) for komi in (0.5, 20.5))
    assert high.winrate < low.winrate
    assert high.score == pytest.approx(low.score - 20, abs=0.3)
    data = load(replace(TINY, features=features, choice=Choice(validation=0.4, test=0.4)))
    assert data.train.take(torch.arange(3))[0].shape[1] == 5 + outcome.PLANES


def test_games_of_ones_own_teach_who_won_where_they_were_resigned(tmp_path):
    for seed in range(12):
        text = record(random_game(9, seed, 30)).replace("(;", "(;RE[B+R]", 1)
        (tmp_path / f"{seed:02}.sgf").write_text(text)
    data = load(replace(TINY, data=str(tmp_path), choice=Choice(validation=0.2, test=0.2)))
    inputs, _ = data.train.take(torch.arange(len(data.train)))
    planes = inputs[:, -outcome.PLANES :].flatten(2)
    assert (planes[:, outcome.OWNERS] == 0).all()
    assert set(planes[:, outcome.RESULT].unique().tolist()) == {1, 2}
    assert (planes[:, outcome.MARGIN :] == 0).all()


def test_looking_ahead_prefers_what_wins(tmp_path, position):
    """A stand-in that judges by the stones on one point: the shares move to the candidate that takes it."""
    wanted = 41

    class Judge:
        judges = True

        def evaluate_all(self, positions, komi=7.5):
            found = []
            for each in positions:
                mine = each.board.flat[wanted] == each.to_move
                his = each.board.flat[wanted] == 3 - each.to_move
                value = 0.9 if mine else 0.1 if his else 0.5
                legal = each.legal(each.to_move)
                found.append(Evaluation(np.append(legal / legal.sum(), 0.0), value, 0.0, np.zeros((9, 9))))
            return found

    judge = Judge()
    found = judge.evaluate_all([position])
    policy = found[0].policy.copy()
    policy[wanted] *= 2
    policy /= policy.sum()
    (shares,) = look_ahead(judge, [position], [replace(found[0], policy=policy)])
    assert shares.sum() == pytest.approx(1)
    assert shares.argmax() == wanted
    odds = shares[wanted] / shares[np.argsort(-policy[:-1], kind="stable")[1]]
    assert odds == pytest.approx(2 * np.exp(SCALE * 0.4), rel=1e-6)  # 1 - .1 instead of 1 - .5
    assert (shares[~position.legal(1)] == 0).all()


def test_a_network_plays_whole_games_for_a_data_set(tmp_path, capsys):
    folder = tiny_run(tmp_path / "run", features="tactics", judge=1.0, size=5)
    out = tmp_path / "games.txt"
    args = ["selfplay", "--network", folder, "--size", 5, "--games", 3, "--komi", 2.5, "--out", out]
    assert run(APP, [*map(str, args)]) == 0
    first = out.read_text()
    assert [line.partition("\t")[0] for line in first.splitlines()] == ["N-000000", "N-000001", "N-000002"]
    games, report = read_data(str(out), progress=False)
    assert (report.bad, len(games)) == (0, 3)
    assert (games.komi == 2.5).all()
    assert ((games.moves[games.offsets[1:] - 1] & 511) == 25).all()  # both passed
    assert run(APP, [*map(str, args)]) == 0  # games that are there are not made again
    assert out.read_text() == first
    assert (
        run(APP, ["selfplay", "--network", str(tiny_run(tmp_path / "plain")), "--out", str(tmp_path / "no.txt")]) == 2
    )
    assert "does not judge" in capsys.readouterr().err
    assert not (tmp_path / "no.txt").exists()

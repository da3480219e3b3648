"""The Go network, its training step with symmetries, and what evaluate measures."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from apps.go.app import APP
from apps.go.config import PRESETS, Choice, GoConfig, GoNetConfig
from apps.go.data import load
from apps.go.model import GlobalBias, GoNet, MoveHead, averaged, build, step, turn, turn_moves
from apps.go.rules import encode, points
from apps.go.verbs.move_metrics import Measured, distances, measure, move_numbers, phases
from cnn_core.cli import run
from cnn_core.errors import UserError
from cnn_core.exporting.graph import export_onnx
from cnn_core.training.data import Batch
from cnn_core.training.recipe import FitConfig
from cnn_core.visual.modules.activations import layer_names
from tests.helpers.commands import answer, bad
from tests.helpers.go_games import crowded_game, random_game, record

ROOT = "KM[7]RE[B+1]AB[ii]"
TINY = GoNetConfig(filters=8, blocks=2, global_every=2)


def planes(count=6, size=9, seed=0):
    found = []
    for k in range(count):
        moves = crowded_game(size, seed + k, 3 + 5 * k)
        stored = np.array([p | (512 if c == 2 else 0) for c, p in moves], np.uint16)
        found.append(encode.encode_entries(stored, size, 1 + len(moves) % 2, 7.5))
    return torch.from_numpy(np.stack(found))


def net(**changes):
    torch.manual_seed(0)
    config = replace(GoConfig(net=TINY, features="tactics"), **changes)
    return build(config, points.labels(config.size, config.passes)).eval()


@pytest.mark.parametrize("size", [5, 9, 13, 19])
@pytest.mark.parametrize("passes", [False, True])
def test_one_network_plays_every_size(size, passes):
    model = net(passes=passes)
    logits = model(planes(2, size))
    assert logits.shape == (2, size * size + passes)
    assert torch.isfinite(logits).all()


def test_children_have_names_that_can_be_typed_and_none_pools():
    assert [name for name, _ in net().named_children()] == ["front", "conv1", "res2", "res3", "output"]
    plain = net(net=GoNetConfig(filters=4, blocks=2, block="conv", global_every=1))
    assert [name for name, _ in plain.named_children()] == ["front", "conv1", "conv2", "conv3", "output"]
    assert sum(isinstance(module, GlobalBias) for module in plain.modules()) == 2
    shrinking = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
    for preset in PRESETS.values():
        model = build(preset, points.labels(preset.size, preset.passes))
        assert not any(isinstance(module, shrinking) for module in model.modules())
        assert all(m.stride == (1, 1) for m in model.modules() if isinstance(m, nn.Conv2d))
        first = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
        assert first.kernel_size == (5, 5)
        assert preset.size**2 == model.eval()(torch.zeros(1, 7, preset.size, preset.size, dtype=torch.uint8)).shape[1]


def test_alphago_preset_is_the_paper_s_network():
    model = build(PRESETS["alphago"], points.labels(19))
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 13
    assert convolutions[0].weight.shape == (192, 48, 5, 5)
    assert all(m.weight.shape == (192, 192, 3, 3) for m in convolutions[1:-1])
    assert convolutions[-1].weight.shape == (1, 192, 1, 1)


@pytest.mark.parametrize("pool", ["max", "avg"])
@pytest.mark.parametrize("size", [9, 6])
def test_the_pooling_switch_keeps_parameters_and_points(pool, size):
    plain, pooled = net(), net(net=replace(TINY, pool=pool))
    count = [sum(p.numel() for p in model.parameters()) for model in (plain, pooled)]
    assert count[0] == count[1]
    assert pooled(planes(2, size)).shape == (2, size * size)
    seen = []
    pooled.get_submodule("pooled.res2").register_forward_hook(lambda m, i, o: seen.append(tuple(o.shape[-2:])))
    pooled(planes(2, size))
    assert seen == [((size + 1) // 2, (size + 1) // 2)]


def test_average_is_the_mean_over_symmetries_and_turns_with_the_board():
    model, inputs = net(passes=True), planes(4)
    expected = []
    for k in range(8):
        symmetry = torch.full((4,), k)
        p = model(turn(inputs, symmetry)).softmax(1)
        places = turn_moves(torch.arange(82).repeat(4, 1).flatten(), symmetry.repeat_interleave(82), 9).view(4, 82)
        expected.append(p.gather(1, places))
    model = averaged(model, GoConfig(net=TINY, features="tactics", passes=True))
    found = model(inputs)
    torch.testing.assert_close(found.exp(), torch.stack(expected).mean(0), rtol=1e-4, atol=1e-6)
    symmetry = torch.tensor([1, 3, 5, 6])
    turned = model(turn(inputs, symmetry))
    moves = torch.tensor([0, 10, 40, 81])
    there = turn_moves(moves, symmetry, 9)
    torch.testing.assert_close(turned.gather(1, there[:, None]), found.gather(1, moves[:, None]), rtol=1e-4, atol=1e-5)


def test_a_tied_network_answers_alike_for_all_symmetries():
    model, inputs = net(net=replace(TINY, filters=16, tied=True), passes=True, foresee=1.0), planes(8)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    moves = torch.arange(8)
    for _ in range(3):  # away from first values that are alike
        optimizer.zero_grad()
        functional.cross_entropy(model.train()(inputs)[:, :82], moves).backward()
        optimizer.step()
    answers = model.eval()(inputs)
    assert answers.std() > 0.01
    for k in range(8):
        symmetry = torch.full((8,), k)
        there = turn_moves(torch.arange(82).repeat(8), symmetry.repeat_interleave(82), 9).view(8, 82)
        torch.testing.assert_close(model(turn(inputs, symmetry)).gather(1, there), answers, rtol=1e-4, atol=1e-5)


def test_a_tied_network_needs_no_average_and_says_the_same_with_it():
    config = GoConfig(net=replace(TINY, tied=True), features="tactics")
    model, inputs = net(net=config.net), planes(4)
    runs = []
    model.conv1.register_forward_hook(lambda m, i, o: runs.append(len(o)))
    alone = model(inputs)
    torch.testing.assert_close(averaged(model, config)(inputs), alone.log_softmax(1))
    assert runs == [4, 4]


def test_a_tied_network_is_an_eighth_in_numbers_and_whole_in_weights():
    free, tied = net(net=replace(TINY, filters=16)), net(net=replace(TINY, filters=16, tied=True))
    weights = [
        {n: m.weight.shape for n, m in model.named_modules() if hasattr(m, "kernel_size")} for model in (free, tied)
    ]
    assert weights[0] == weights[1]
    count = [sum(p.numel() for p in model.parameters()) for model in (free, tied)]
    assert count[0] / 8 <= count[1] < count[0] / 7.9


@pytest.mark.slow
def test_a_tied_network_becomes_one_onnx_file(tmp_path):
    pytest.importorskip("onnxruntime")
    model = net(net=replace(TINY, tied=True))
    found = export_onnx(model, planes(3), tmp_path / "tied.onnx", check_inputs=planes(9))
    assert found["argmax_agreement"] == 1


def test_layers_of_a_tied_network_are_those_of_a_free_one():
    free, tied = net(), net(net=replace(TINY, tied=True))
    assert layer_names(tied) == layer_names(free)


class Corner(nn.Module):
    """Not equivariant: one weight for each point; counts what it was shown."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(81))
        self.shown = []

    def forward(self, x):
        self.shown.append(x)
        return self.weight.expand(len(x), -1)


def test_training_turns_positions_and_moves_together():
    inputs = torch.zeros(4000, 1, 9, 9, dtype=torch.uint8)
    moves = torch.full((4000,), 11)
    inputs[:, 0, 1, 2] = 1  # the move is played where the stone lies
    model = Corner()
    torch.manual_seed(0)
    loss = step(GoConfig())(model, Batch(inputs, moves, 4000))["loss"]
    loss.backward()
    stones = model.shown[0].flatten(1).argmax(1)
    places, counts = stones.unique(return_counts=True)
    assert len(places) == 8
    assert counts.min() > 400
    pulled = (-model.weight.grad + 1 / 81) * 4000  # cross-entropy of equal logits pulls each target up
    np.testing.assert_allclose(pulled[places].detach().numpy(), counts.numpy(), atol=0.6)
    for config, mode in ((GoConfig(), "eval"), (GoConfig(symmetries=False), "train")):
        getattr(model, mode)()
        step(config)(model, Batch(inputs, moves, 4000))
        assert (model.shown[-1] == inputs).all()


def test_global_bias_sees_the_whole_board_and_keeps_its_size():
    bias = GlobalBias(4)
    x = torch.randn(2, 4, 9, 9)
    y = bias(x)
    assert y.shape == x.shape
    difference = (y - x).detach()
    assert difference.flatten(2).std(2).max() < 1e-6  # one number a channel
    far = x.clone()
    far[0, :, 8, 8] += 50
    assert ((bias(far) - far)[0, :, 0, 0] != difference[0, :, 0, 0]).any()


def test_wrong_configurations_are_named():
    for make, message in (
        (lambda: GoNetConfig(filters=0), "net.filters"),
        (lambda: GoNetConfig(first=4), "odd"),
        (lambda: GoNetConfig(blocks=-1), "net.blocks"),
        (lambda: GoNetConfig(filters=12, tied=True), "multiple of 8"),
        (lambda: Choice(test=0), "choice.test"),
        (lambda: Choice(min_moves=-1), "min-moves"),
        (lambda: GoConfig(size=20), "size must lie"),
        (lambda: GoConfig(watched=-1), "watched"),
        (lambda: GoConfig(fit=FitConfig(epoch_samples=-1)), "epoch_samples"),
    ):
        with pytest.raises(UserError, match=message):
            make()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Games in which every move is the free point nearest to the middle: easy to learn."""
    from apps.go.rules.position import Position

    where = tmp_path_factory.mktemp("games")
    order = sorted(range(81), key=lambda p: (abs(p // 9 - 4) + abs(p % 9 - 4), p))
    for seed in range(40):
        generator = np.random.default_rng(seed)
        position, moves = Position(9), []
        position.setup([8], [])
        for turn_ in range(30):
            colour = 1 + turn_ % 2
            legal = position.legal(colour)
            free = [p for p in order if legal[p]]
            point = free[int(generator.integers(2))] if turn_ else int(generator.integers(80))
            if position.why_illegal(colour, point):
                point = free[0]
            position.play(colour, point)
            moves.append((colour, point))
        (where / f"{seed}.sgf").write_text(record(moves, root=ROOT.replace("B+1", "B+R")))
    return where


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CNN_SUITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        out = tmp_path_factory.mktemp("runs") / "run"
        args = ["train", "--data", str(folder), "--out", str(out), "--choice.validation", "0.2", "--choice.test", "0.2"]
        args += ["--net.filters", "16", "--net.blocks", "2", "--fit.epochs", "6", "--fit.batch-size", "32"]
        args += ["--foresee", "1"]
        assert run(APP, [*args, "--threads", "1", "--json"]) == 0
        yield out


@pytest.mark.slow
def test_it_learns_and_evaluate_says_how_well(trained, capsys):
    found = answer(capsys, "evaluate", trained, app=APP)
    assert found["top1"] > 0.3  # of two nearest points one was chosen; chance is 1 in 60
    assert found["top5"] > 0.7
    assert found["low"] < found["top1"] < found["high"]
    assert sum(part["positions"] for part in found["by_phase"].values()) == found["positions"]
    assert sum(part["positions"] for part in found["by_distance"].values()) <= found["positions"]
    report = trained / "evaluation"
    assert {p.name for p in report.iterdir()} == {
        "metrics.json", "calibration.png", "phases.png", "learning.png", "mistakes.png", "winner.png",
    }  # fmt: skip
    assert json.loads((report / "metrics.json").read_text())["top1"] == found["top1"]


@pytest.mark.slow
def test_evaluate_over_symmetries_and_on_a_part(trained, tmp_path, capsys):
    plain = answer(capsys, "evaluate", trained, "--out", tmp_path / "a", app=APP)
    averaged = answer(capsys, "evaluate", trained, "--symmetries", 8, "--out", tmp_path / "b", app=APP)
    assert averaged["symmetries"] == 8
    assert averaged["nll"] < plain["nll"] + 0.05
    assert averaged["nll"] != plain["nll"]
    part = answer(
        capsys, "evaluate", trained, "--positions", 40, "--split", "validation", "--out", tmp_path / "c", app=APP
    )
    assert (part["positions"], part["split"]) == (40, "validation")


@pytest.mark.long
def test_evaluate_measures_every_game_of_other_data(trained, folder, tmp_path, capsys):
    """Also one game, a short one, and one that the run learned from: all of --data, unless a split is named."""
    games = sorted(folder.glob("*.sgf"))[:6]
    for count in (1, 6):
        other = tmp_path / f"other-{count}"
        other.mkdir()
        for path in games[:count]:
            (other / path.name).write_bytes(path.read_bytes())
        (other / "short.sgf").write_text("(;SZ[9];B[ee];W[ed])")
        (other / "large.sgf").write_text("(;SZ[13];B[ee];W[ed])")
        found = answer(capsys, "evaluate", trained, "--data", other, "--out", tmp_path / "out", app=APP)
        assert (found["split"], found["games"], found["positions"]) == ("all", count + 1, 30 * count + 2)
    alone = answer(capsys, "evaluate", trained, "--data", games[0], "--out", tmp_path / "out", app=APP)
    assert (alone["games"], alone["positions"]) == (1, 30)
    same = answer(capsys, "evaluate", trained, "--data", folder, "--out", tmp_path / "out", app=APP)
    plain = answer(capsys, "evaluate", trained, "--out", tmp_path / "out", app=APP)
    assert (same["split"], same["positions"]) == (plain["split"], plain["positions"]) == ("test", plain["positions"])
    whole = answer(capsys, "evaluate", trained, "--split", "all", "--out", tmp_path / "out", app=APP)
    assert whole["games"] == len(list(folder.glob("*.sgf"))) > plain["games"]
    (tmp_path / "pass.sgf").write_text("(;SZ[9];B[];W[])")
    for args, message in (
        (["--data", games[0], "--size", 13], "no game of 13x13, its games are 9x9; set --size"),
        (["--data", tmp_path / "pass.sgf"], "only passes"),
        (["--data", tmp_path / "pass.sgf", "--split", "test"], "no game of 9x9 is in the test split; take --split all"),
    ):
        assert message in bad(capsys, "evaluate", trained, *args, app=APP)


def test_measures_by_their_definition(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path))
    data = load(GoConfig(data=str(folder), choice=Choice(validation=0.2, test=0.2)))
    split = data.test
    model = net(features="history")
    found = measure(model, split, batch_size=17, precision="fp32")
    inputs, moves = split.take(slice(0, len(split)))
    p = model(inputs).softmax(1).detach().numpy()
    own = p[np.arange(len(p)), moves]
    np.testing.assert_allclose(found.loss, -np.log(own), rtol=1e-4)
    assert (found.rank == (p > own[:, None]).sum(1)).mean() > 0.99  # rounding may decide between equals
    assert (found.best == p.argmax(1)).mean() > 0.99
    summary = Measured(np.array([0, 3, 7, 0]), np.array([1.0, 2, 3, 2]), np.full(4, 0.5), np.zeros(4, int)).summary()
    assert (summary["top1"], summary["top5"], summary["nll"], summary["positions"]) == (0.5, 0.75, 2.0, 4)


def test_equal_logits_do_not_count_as_found(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path))
    split = load(GoConfig(data=str(folder), choice=Choice(validation=0.2, test=0.2))).test
    found = measure(Corner(), split)  # all points alike
    assert (found.rank == split.targets.numpy()).all()
    assert found.summary()["top1"] == (split.targets == 0).float().mean()


def test_numbers_of_moves_and_distances(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))
    for seed in range(30):
        moves = random_game(9, seed, 40, passes=0.1)
        text = record(moves, root=ROOT).replace(
            "AB[ii]", "AB[ii]" if seed % 2 and not any(p == 8 for _, p in moves) else ""
        )
        (tmp_path / f"{seed}.sgf").write_text(text)
    data = load(GoConfig(data=str(tmp_path), choice=Choice(min_moves=0, validation=0.2, test=0.2)))
    for split in (data.train, data.test):
        numbers, away = move_numbers(split), distances(split)
        for row in range(len(split)):
            game, index = split.inputs[row].tolist()
            entries = split.games.entries(game).astype(int)
            place = index - int(split.games.offsets[game])
            kinds = entries & encode.KIND
            assert numbers[row] == (kinds[: place + 1] == 0).sum()
            if place == 0 or kinds[place - 1] or entries[place - 1] & 511 == 81:
                assert away[row] == -1
            else:
                (r, c), (r2, c2) = divmod(entries[place] & 511, 9), divmod(entries[place - 1] & 511, 9)
                assert away[row] == max(abs(r - r2), abs(c - c2))
    assert [part[1:] for part in phases(19)] == [(1, 40), (41, 120), (121, 200), (201, 3610)]


def test_presets_can_be_built_and_are_go_nets():
    for preset in PRESETS.values():
        assert isinstance(build(preset, points.labels(preset.size, preset.passes)), GoNet)


def test_weights_of_runs_that_called_foresight_later_still_load():
    head = MoveHead(8, passes=True, foresee=True)
    state = {name.replace("foresight.", "later."): tensor for name, tensor in head.state_dict().items()}
    assert any(name.startswith("later.") for name in state)
    other = MoveHead(8, passes=True, foresee=True)
    other.load_state_dict(state)
    assert torch.equal(other.foresight.weight, head.foresight.weight)

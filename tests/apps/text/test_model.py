"""The networks: the fast way equals conv1d, padding and company change nothing, vectors, reasons."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from apps.text.config import TextConfig, TextData, TextNet, Vectors
from apps.text.data import encode_texts
from apps.text.model import build, fast, forward, initialize, step
from apps.text.nets.layers import ClippedLinear, text_lengths
from apps.text.verbs.attributions import agreement, exact_reasons, integrated_reasons
from apps.text.verbs.views.neighbours import nearest
from apps.text.verbs.views.ngrams import best_ngrams
from apps.text.words.vocabulary import FittedText, Vocabulary
from cnn_core.errors import UserError
from cnn_core.training.data import Batch, Split
from cnn_core.training.engine import fit, predict_logits
from cnn_core.training.inference import call
from cnn_core.training.recipe import FitConfig
from cnn_core.visual import behind_front, front_of, record

WORDS = Vocabulary(("<pad>", "<unk>", *(f"w{i}" for i in range(38))), "kim")
FITTED = FittedText("x", ("a", "b", "c"), WORDS, 0)
LABELS = ("a", "b", "c")
SMALL = TextNet(windows=(2, 3, 5), filters=6)
ROWS = st.lists(st.lists(st.integers(1, 39), max_size=9), min_size=1, max_size=6)


def network(net: TextNet = SMALL, mode: str = "rand", seed: int = 0, **changes):
    torch.manual_seed(seed)
    vectors = Vectors(width=7, **changes) if mode == "rand" else Vectors(mode=mode, source="x", **changes)
    fitted = FITTED if mode == "rand" else replace(FITTED, vector_width=7)
    model = build(TextConfig(net=net, vectors=vectors), LABELS, fitted)
    for module in model.modules():  # larger than a fresh network's, so that differences show
        if isinstance(module, nn.Conv1d) and net.kind == "windows":
            module.weight.data.mul_(3)
    return model


def batch(rows, extra: int = 0) -> torch.Tensor:
    width = max(map(len, rows), default=0) + extra
    return torch.tensor([row + [0] * (max(width, 1) - len(row)) for row in rows], dtype=torch.int32)


def slowly(model, words: torch.Tensor) -> torch.Tensor:
    """Logits by conv1d over each text by itself: the definition."""
    logits = []
    for row in words:
        row = row[: int((row != 0).sum())].long()
        tables = [table for table in (model.front.fixed, model.front.learned) if table is not None]
        x = torch.cat([table[row] for table in tables], 1).T  # (C, T)
        features = []
        for width in model.widths:
            conv = model.get_submodule(f"conv{width}").conv
            longer = functional.pad(x, (0, max(width - x.shape[1], 0)))
            features.append(functional.conv1d(longer[None], conv.weight, conv.bias).relu().amax(2)[0])
        logits.append(model.output(torch.cat(features)))
    return torch.stack(logits)


@settings(max_examples=25)
@given(ROWS, st.sampled_from(["rand", "static", "nonstatic", "multichannel"]), st.integers(0, 3))
def test_the_fast_way_equals_conv1d_in_logits_and_gradients(rows, mode, seed):
    model = network(mode=mode, seed=seed).double()
    words = batch(rows)
    slope = torch.randn(len(rows), 3, dtype=torch.float64)
    model.eval()  # no dropout; dense gradients, which are easier to compare
    found = {}
    for name, run in (("fast", lambda x: fast(model, x)), ("layers", model), ("slow", lambda x: slowly(model, x))):
        model.zero_grad()
        logits = run(words)
        (logits * slope).sum().backward()
        found[name] = {
            "logits": logits.detach(),
            **{n: p.grad for n, p in model.named_parameters() if p.grad is not None},
        }
    for way in ("fast", "layers"):
        assert found[way].keys() == found["slow"].keys()
        for name, value in found["slow"].items():
            if name == "front.learned":
                assert not found[way][name][0].any()  # the pad stays zero
            torch.testing.assert_close(found[way][name], value, rtol=1e-5, atol=1e-6)


def test_fast_and_slow_in_float32():
    model = network(TextNet(windows=(3, 4, 5), filters=20)).eval()
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(1, 40, (30, 17), generator=generator, dtype=torch.int32)
    torch.testing.assert_close(fast(model, words), slowly(model, words), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(model(words), slowly(model, words), rtol=1e-6, atol=1e-6)


def test_the_sparse_gradient_is_the_dense_one():
    words = batch([[3, 4, 5, 3, 9], [7], []])
    gradients = []
    for training in (True, False):
        model = network(replace(SMALL, dropout=0.0)).train(training)
        fast(model, words).square().sum().backward()
        gradients.append(model.front.learned.grad)
    assert gradients[0].is_sparse
    assert not gradients[1].is_sparse
    torch.testing.assert_close(gradients[0].to_dense(), gradients[1])
    assert set(gradients[0].coalesce().indices()[0].tolist()) <= {0, 3, 4, 5, 7, 9}


NETS = {
    "max": SMALL,
    "k-max": replace(SMALL, pool="k-max", k=3),
    "average": replace(SMALL, pool="average"),
    "none": replace(SMALL, pool="none", length=7),
    "members": replace(SMALL, members=3),
    "members-average": replace(SMALL, members=2, pool="average"),
    "deep": TextNet(kind="deep", filters=8, blocks=3),
    "deep-average": TextNet(kind="deep", filters=8, blocks=2, pool="average"),
}


@pytest.mark.parametrize("name", NETS)
@settings(max_examples=12)
@given(rows=ROWS, extra=st.integers(0, 6), data=st.data())
def test_a_prediction_depends_on_its_text_alone(name, rows, extra, data):
    model = network(NETS[name]).eval()
    logits_of = forward(TextConfig(net=NETS[name]))
    alone = torch.cat([model(batch([row])) for row in rows])
    order = data.draw(st.permutations(range(len(rows))))
    together = model(batch([rows[i] for i in order], extra))
    torch.testing.assert_close(together, alone[list(order)], rtol=1e-5, atol=1e-6)
    split = Split(batch(rows), torch.zeros(len(rows), dtype=torch.int64))
    torch.testing.assert_close(
        predict_logits(model, split, batch_size=2, precision="fp32", forward=logits_of), alone, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", NETS)
def test_lenses_see_what_the_network_computes(name):
    model = network(NETS[name]).eval()
    words = batch([[3, 4, 5, 6, 7, 8], [9, 2]])
    features = front_of(model, words)
    assert features.shape == (2, 7 * NETS[name].members, 6)
    torch.testing.assert_close(behind_front(model)(features), model(words), rtol=1e-5, atol=1e-6)
    layer = {"deep": "res1", "members": "net2.conv3"}.get(name.partition("-")[0], "conv3")
    maps = record(model, words, layer)[layer]
    assert maps.shape[0] == 2
    assert not maps[1, :, 2:].any()  # nothing beyond the text


@pytest.mark.parametrize("name", NETS)
def test_every_network_learns(name):
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(5, 40, (240, 8), generator=generator, dtype=torch.int32)
    targets = torch.arange(240) % 3
    words[torch.arange(240), torch.randint(0, 7, (240,), generator=generator)] = (2 + targets).int()
    config = FitConfig(epochs=8, batch_size=20, learning_rate=0.01, precision="fp32")
    net = replace(NETS[name], dropout=0.1)
    model = network(net)
    history = fit(model, Split(words, targets), config, step=step(TextConfig(net=net)), progress=False).history
    assert history[-1]["train_accuracy"] > 0.9


@pytest.mark.parametrize("name", ["max", "members"])
def test_hooks_choose_no_way_and_lengths_come_from_the_words(name):
    model = network(NETS[name]).eval()
    words = batch([[3, 4, 5, 6, 7, 8], [9, 2]])
    calls = []
    handle = model.front.register_forward_hook(lambda *_: calls.append("front"))
    try:
        through_layers, by_windows = model(words), fast(model, words)
    finally:
        handle.remove()
    assert calls == ["front"], "the plain way goes through the front, hooks or not; the fast one never"
    torch.testing.assert_close(through_layers, by_windows, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(through_layers, model(words), rtol=0, atol=0)
    with torch.no_grad():
        model.front.learned[[7, 8, 2]] = 0.0  # words at the end that have the vector of the pad
    for row in ([3, 4, 5, 6, 7, 8], [9, 2]):
        torch.testing.assert_close(model(batch([row])), fast(model, batch([row])), rtol=1e-5, atol=1e-6)
    assert text_lengths(words).tolist() == [6, 2]


def test_the_fast_way_is_for_a_maximum_over_time():
    with pytest.raises(ValueError, match="no pool k-max"):
        fast(network(NETS["k-max"]), batch([[3, 4]]))
    ways = {name: forward(TextConfig(net=net)) for name, net in NETS.items()}
    assert ways["k-max"] is ways["deep"] is call
    assert ways["members"] is ways["max"] is fast
    pieces = TextConfig(texts=TextData(tokenizer="wordpiece"), vectors=Vectors(mode="static", source="minilm"))
    assert forward(pieces) is call


def test_odd_nets_are_user_errors():
    for bad in (
        {"windows": ()},
        {"windows": (3, 3)},
        {"filters": 0},
        {"dropout": 1.0},
        {"kind": "deep", "pool": "none"},
    ):
        with pytest.raises(UserError):
            TextNet(**bad)
    for bad in ({"mode": "static"}, {"source": "x"}, {"width": 0}, {"dropout": 1.0}):
        with pytest.raises(UserError):
            Vectors(**bad)


def test_rows_of_the_last_layer_are_clipped_not_scaled():
    layer = ClippedLinear(4, 3, max_norm=2.0)
    layer.weight.data = torch.tensor([[3.0, 4, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    layer.after_step()
    torch.testing.assert_close(layer.weight.norm(dim=1), torch.tensor([2.0, 1.0, 0.0]))


def test_word_dropout_is_for_training_alone():
    model = network(word_dropout=0.9)
    words = batch([[5] * 9] * 50)
    assert (model.front.train().drop_words(words) == 1).float().mean() > 0.8
    assert torch.equal(model.front.eval().drop_words(words), words)
    padded = batch([[5], []])
    assert not model.front.train().drop_words(padded)[1].any()


def test_members_learn_what_each_would_learn_alone():
    """Their gradients are those of their own losses, but for the mean; nothing is shared."""
    torch.manual_seed(0)
    net = replace(SMALL, members=2, dropout=0.0)
    config = TextConfig(net=net, vectors=Vectors(width=7))
    model = build(config, LABELS, FITTED)
    words, targets = batch([[3, 4, 5, 6], [7, 8, 9]]), torch.tensor([0, 2])
    step(config)(model.train(), Batch(words, targets, 2))["loss"].backward()
    for number in (1, 2):
        alone = build(TextConfig(net=SMALL, vectors=Vectors(width=7)), LABELS, FITTED)
        weights = dict(model.get_submodule(f"net{number}").state_dict())
        part = model.front.learned.detach()[:, 7 * (number - 1) : 7 * number]
        alone.load_state_dict({**weights, "front.learned": part})
        alone.dropout.p = 0.0
        functional.cross_entropy(alone.train()(words), targets).backward()
        for name, parameter in alone.named_parameters():
            if name != "front.learned":
                torch.testing.assert_close(model.get_parameter(f"net{number}.{name}").grad * 2, parameter.grad)
        together = model.front.learned.grad.to_dense()[:, 7 * (number - 1) : 7 * number]
        torch.testing.assert_close(together * 2, alone.front.learned.grad.to_dense())


# Vectors at the start


def vectors_file(path, words, size=7):
    rows = {word: np.random.default_rng(i).normal(size=size) for i, word in enumerate(words)}
    path.write_text("".join(f"{word} {' '.join(f'{x:.5f}' for x in row)}\n" for word, row in rows.items()))
    return rows


@pytest.mark.parametrize("mode", ["static", "nonstatic", "multichannel"])
def test_given_vectors_go_in_and_others_have_their_variance(tmp_path, mode, capsys):
    rows = vectors_file(tmp_path / "v.txt", [f"w{i}" for i in range(20)])
    config = TextConfig(net=SMALL, vectors=Vectors(mode=mode, source=str(tmp_path / "v.txt")))
    model = build(config, LABELS, replace(FITTED, vector_width=7))
    initialize(model, config, replace(FITTED, vector_width=7))
    assert "vectors for 20 of the 38 words of the training texts" in capsys.readouterr().err
    tables = model.front.tables()
    assert len(tables) == (2 if mode == "multichannel" else 1)
    assert (model.front.learned is None) == (mode == "static")
    given = np.stack([rows[f"w{i}"] for i in range(20)])
    expected = torch.tensor(given - given.mean(0), dtype=torch.float32)
    for found in tables:
        assert not found[0].any()
        ratio = found[2:22] / expected
        torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-3, atol=1e-5)
        assert found[2:22].std().item() == pytest.approx(found[22:].std().item(), rel=0.25)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("mode", ["static", "nonstatic", "multichannel"])
def test_words_that_training_never_met_have_their_given_vector(tmp_path, mode, members):
    rows = vectors_file(tmp_path / "v.txt", [f"w{i}" for i in range(38)])
    fitted = replace(FITTED, vocabulary=replace(WORDS, unseen=10), vector_width=7)
    net = replace(SMALL, members=members)
    config = TextConfig(net=net, vectors=Vectors(mode=mode, source=str(tmp_path / "v.txt"), free=2))
    model = build(config, LABELS, fitted).eval()
    initialize(model, config, fitted)
    found = model.front.rows(torch.arange(40))
    channels = {"static": 7, "nonstatic": 9, "multichannel": 16}[mode] + (2 if mode == "static" else 0)
    assert found.shape == (40, members * channels)
    given = torch.tensor(np.stack([rows[f"w{i}"] for i in range(38)]), dtype=torch.float32)
    for member in range(members):
        own = found[:, member * channels : member * channels + 7]
        expected = given - given[:28].mean(0)
        ratio = own[2:] / expected
        torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=2e-2, atol=1e-4)  # half precision
    if mode == "nonstatic":
        assert not found[30:, 7:9].any()
        assert found[2:30, 7:9].all()
    words = batch([[3, 35, 4], [36], []])
    torch.testing.assert_close(model(words), behind_front(model)(front_of(model, words)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model(words), fast(model, words), rtol=1e-5, atol=1e-6)


# Reasons


@given(st.lists(st.integers(2, 39), min_size=1, max_size=9), st.integers(0, 2), st.integers(0, 2))
def test_reasons_sum_up_to_the_score(row, target, seed):
    model = network(seed=seed).eval()
    words = torch.tensor(row, dtype=torch.int32)
    logits = model(words[None])[0].detach().double()
    others = [c for c in range(3) if c != target]
    score = float(logits[target] - logits[others].mean())
    found = exact_reasons(model, words, target)
    assert found.score == pytest.approx(score, abs=1e-5)
    assert float(found.words.sum()) + found.rest == pytest.approx(score, abs=1e-5)
    assert all(0 <= gram.start < gram.stop <= len(row) for gram in found.grams)


@pytest.mark.slow
def test_the_word_that_decides_is_found_and_integrated_gradients_agree():
    generator = torch.Generator().manual_seed(0)
    words = torch.randint(5, 40, (300, 8), generator=generator, dtype=torch.int32)
    targets = torch.arange(300) % 3
    places = torch.randint(0, 8, (300,), generator=generator)
    words[torch.arange(300), places] = (2 + targets).int()
    model = network(replace(SMALL, dropout=0.1))
    fit(model, Split(words, targets), FitConfig(epochs=8, batch_size=20, precision="fp32"), progress=False)
    hits, agreements = [], []
    for i in range(30):
        found = exact_reasons(model.eval(), words[i], int(targets[i]))
        hits.append(int(found.words.argmax()) == int(places[i]))
        agreements.append(agreement(found, integrated_reasons(model, words[i], int(targets[i]))))
    assert np.mean(hits) > 0.9
    assert np.median(agreements) > 0.95
    split = encode_texts(WORDS, [" ".join(WORDS.decode(row.tolist())) for row in words])
    found = best_ngrams(model, split, 3)
    assert len(found) == 18
    values, places = model.strongest_windows(words)
    for f, grams in enumerate(found):
        assert len({gram for _, gram in grams}) == len(grams)
        if grams:
            assert grams[0][0] == pytest.approx(float(values[:, f].max()), rel=1e-5)
            row = int(values[:, f].argmax())
            begin = int(places[row, f])
            assert grams[0][1] == tuple(words[row, begin : begin + (2, 3, 5)[f // 6]].tolist())


def test_nearest_words():
    vectors = torch.tensor([[0.0, 0], [1, 1], [1, 0], [0.9, 0.1], [0, 1], [-1, 0]])
    assert [n for n, _ in nearest(vectors, [2], 2)[0]] == [3, 4]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_any_texts_have_an_answer_each_by_itself(texts):
    model = network()
    together = predict_logits(model, encode_texts(WORDS, texts), precision="fp32")
    assert torch.isfinite(together).all()
    for text, logits in zip(texts, together, strict=True):
        alone = predict_logits(model, encode_texts(WORDS, [text]), precision="fp32")[0]
        torch.testing.assert_close(alone, logits, rtol=1e-5, atol=1e-6)

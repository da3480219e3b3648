"""The linear models: right where classes are unequal, chosen on validation, written to a file of numpy's."""

import json
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from apps.text import baselines, linear
from apps.text.app import APP
from cnn_core.cli import run
from cnn_core.errors import UserError
from cnn_core.metrics.classes import paired
from tests.helpers.commands import answer, bad

WORDS = [f"w{i}" for i in range(400)]


def corpus(counts: tuple[int, ...], seed: int, tilt: float = 6.0) -> tuple[list[list[str]], np.ndarray]:
    """Texts of 12 words, drawn by Zipf's law; each class prefers 20 middling words `tilt` times over."""
    generator = np.random.default_rng(seed)
    rows, targets = [], []
    for label, count in enumerate(counts):
        shares = 1 / np.arange(1, len(WORDS) + 1)
        shares[40 + 20 * label : 60 + 20 * label] *= tilt
        for _ in range(count):
            rows.append(generator.choice(WORDS, 12, p=shares / shares.sum()).tolist())
            targets.append(label)
    return rows, np.array(targets)


@pytest.mark.parametrize("fit", baselines.MODELS.values(), ids=list(baselines.MODELS))
@pytest.mark.parametrize("counts", [(600, 600), (1500, 60), (400, 400, 400), (900, 60, 60)])
def test_no_class_is_swallowed(fit, counts):
    model = fit(*corpus(counts, 0))
    rows, truth = corpus((200,) * len(counts), 1)
    found = model.predict(rows)
    recalls = [(found[truth == label] == label).mean() for label in range(len(counts))]
    assert min(recalls) > 0.25
    assert baselines.macro_f1(truth, found) > 0.6


def test_nb_svm_without_svm_is_naive_bayes_of_bernoulli_shares(monkeypatch):
    """With BETA 0 only the ratios decide, up to one factor: scores are proportional to their sum."""
    monkeypatch.setattr(baselines, "BETA", 0.0)
    monkeypatch.setattr(baselines, "NB_SVM_GRID", ((1.0, 1.0),))
    rows, targets = corpus((100, 300), 0)
    model = baselines.nb_svm(rows, targets)
    seen = np.array([[gram in set(baselines.grams(row)) for gram in model.features] for row in rows])
    p, q = ((1 + seen[targets == label].sum(0)) / (2 + (targets == label).sum()) for label in (1, 0))
    expected = seen @ np.log(p / q)
    found = model.scores(rows)[:, 1]
    np.testing.assert_allclose(found / found[0], expected / expected[0], rtol=1e-9)


def test_linear_model_gives_scikit_learns_scores():
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows, targets = corpus((150, 150), 2)
    model = baselines.tfidf(rows, targets)
    vectors = TfidfVectorizer(analyzer=baselines.grams, sublinear_tf=True, min_df=2).fit(rows)
    assert tuple(vectors.get_feature_names_out()) == model.features
    others, _ = corpus((20, 20), 3)
    expected = vectors.transform(others) @ model.weight + model.bias
    np.testing.assert_allclose(model.scores([*others, []]), np.concatenate([expected, [model.bias]]), atol=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=200))
def test_mcnemar_is_the_binomial_test(pairs):
    first, second = np.array([a for a, _ in pairs], bool), np.array([b for _, b in pairs], bool)
    found = paired(first, second)
    total = found.only_first + found.only_second
    assert found.p == pytest.approx(binomtest(found.only_first, total).pvalue if total else 1.0)
    assert found.low <= found.difference <= found.high or not pairs
    assert comb(total, 0) == 1


def test_a_linear_model_is_exported_and_answers(tmp_path, capsys):
    rows, targets = corpus((120, 120), 4, tilt=20.0)
    data = tmp_path / "texts.csv"
    names = ("bad", "good")
    lines = [f'"{" ".join(row)}",{names[target]}' for row, target in zip(rows, targets, strict=True)]
    data.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    options = ["--data", data, "--out", tmp_path / "run", "--preset", "rand", "--fit.epochs", "1", "--net.filters", "4"]
    assert answer(capsys, "train", *options, app=APP)["run"]
    assert run(APP, ["evaluate", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "p (McNemar)" in said
    assert "export RUN --linear" in said  # one epoch of four filters is no match
    out = tmp_path / "model.linear"
    found = answer(capsys, "export", tmp_path / "run", "--linear", out, app=APP)
    assert found["model"] in baselines.MODELS
    assert "exists already" in bad(capsys, "export", tmp_path / "run", "--linear", out, app=APP)
    texts = [" ".join(row) for row in corpus((20, 20), 5, tilt=20.0)[0]]
    answers = [each["answer"] for each in answer(capsys, "linear", out, *texts, app=APP)["predictions"]]
    assert answers == linear.load(out).predict(texts)
    (tmp_path / "lines.txt").write_text("\n".join(texts))
    assert [
        each["answer"] for each in answer(capsys, "linear", out, tmp_path / "lines.txt", app=APP)["predictions"]
    ] == answers
    assert sum(a == b for a, b in zip(answers, ["bad"] * 20 + ["good"] * 20, strict=True)) > 22


def test_other_files_are_no_linear_models(tmp_path, capsys):
    path = tmp_path / "x.linear"
    path.write_bytes(b"nothing")
    assert "not a linear model" in bad(capsys, "linear", path, "a text", app=APP)
    assert "no such file" in bad(capsys, "linear", tmp_path / "gone", "a text", app=APP)
    from safetensors.numpy import save_file

    metadata = {"format": linear.FORMAT, "kind": "binary", "labels": json.dumps(["a"]), "tokenizer": "english"}
    save_file({"weight": np.zeros((2, 1)), "bias": np.zeros(1)}, path, metadata={**metadata, "features": '["x"]'})
    with pytest.raises(UserError, match="another shape"):
        linear.load(path)

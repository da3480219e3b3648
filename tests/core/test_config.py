"""Dataclass <-> JSON <-> command line."""

import inspect
import io
import json
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.digits.config import PRESETS
from cnn_core.config import changed, flat, from_json, parse, positional, to_json
from cnn_core.errors import UserError
from cnn_core.training.recipe import FitConfig, learning_rate


@dataclass(frozen=True)
class Inner:
    sizes: tuple[int, ...] = (1,)
    kind: Literal["a", "b"] = "a"
    pair: tuple[float, float] = (0.5, 1.0)


@dataclass(frozen=True)
class Outer:
    name: str = "x"
    on: bool = False
    limit: int | None = None
    inner: Inner = field(default_factory=Inner)


inner = st.builds(
    Inner,
    sizes=st.lists(st.integers(-9, 9), max_size=4).map(tuple),
    kind=st.sampled_from(["a", "b"]),
    pair=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
)
outer = st.builds(Outer, st.text(max_size=5), st.booleans(), st.none() | st.integers(), inner)


@given(outer)
def test_json_round_trip(config):
    assert from_json(Outer, json.loads(json.dumps(to_json(config)))) == config


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nam": "x"}, "unknown field 'nam'"),
        ({"inner": {"sizes": [1, "2"]}}, "Outer.inner.sizes: '2' does not fit the type int"),
        ({"inner": {"kind": "c"}}, "Outer.inner.kind: 'c'"),
        ({"inner": {"pair": [1.0]}}, "Outer.inner.pair"),
        ({"on": 1}, "Outer.on"),
        ({"limit": "3"}, "Outer.limit"),
        ([], "expected an object"),
    ],
)
def test_json_of_another_shape_is_refused(data, message):
    with pytest.raises(UserError, match=message):
        from_json(Outer, data)


@dataclass(frozen=True)
class Later:
    MOVED: ClassVar = {"size": "inner.kind", "title": "name", "gone": "name.x"}
    name: str = "x"
    inner: Inner = field(default_factory=Inner)
    rows: tuple[dict[str, float], ...] = ()


def test_fields_of_earlier_versions_are_found_in_their_new_places():
    old = {"title": "y", "size": "b", "inner": {"sizes": [2]}}
    assert from_json(Later, old) == Later("y", Inner((2,), "b"))
    assert old == {"title": "y", "size": "b", "inner": {"sizes": [2]}}, "what was read stays as it is"
    assert from_json(Later, {"size": "b"}) == Later(inner=Inner(kind="b"))
    assert from_json(Later, to_json(Later("z"))) == Later("z")
    with pytest.raises(UserError, match="Later.inner.kind: 'c'"):
        from_json(Later, {"size": "c"})
    with pytest.raises(UserError, match="Later.name: expected an object"):
        from_json(Later, {"gone": 1, "name": "x"})
    with pytest.raises(UserError, match="unknown field 'sizes'"):
        from_json(Later, {"sizes": "c"})


def test_objects_of_named_numbers():
    assert from_json(Later, {"rows": [{"a": 1, "b": 0.5}]}).rows == ({"a": 1.0, "b": 0.5},)
    with pytest.raises(UserError, match="Later.rows.b: 'x' does not fit"):
        from_json(Later, {"rows": [{"a": 1, "b": "x"}]})


@dataclass(frozen=True, kw_only=True)
class Options:
    config: flat(Outer) = field(default_factory=Outer)
    files: positional(tuple[str, ...]) = ()


def test_command_line_overrides_nested_defaults():
    default = Options(config=Outer(name="y", inner=Inner(kind="b")))
    parsed = parse(Options, ["--inner.sizes", "3", "4", "--on", "--", "f1", "f2"], prog="p", default=default)
    assert parsed == Options(config=Outer("y", True, None, Inner((3, 4), "b")), files=("f1", "f2"))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--bogus", "1"], "Unrecognized options: --bogus"),
        (["--inner.kind", "c"], "invalid choice 'c'"),
        (["--limit", "many"], "--limit"),
        (["--inner.pair", "1"], "--inner.pair"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_bad_arguments_are_one_line(args, words, encoding, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding))  # tyro draws what this can show
    with pytest.raises(UserError) as caught:
        parse(Options, args, prog="p")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    for drawn in ("│", "─", "----", "helptext"):
        assert drawn not in str(caught.value)
    assert capsys.readouterr().err == ""


def test_help_prints_and_ends(capsys):
    with pytest.raises(SystemExit) as caught:
        parse(Options, ["--help"], prog="p")
    assert caught.value.code == 0
    assert "--inner.sizes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epoch_samples": -1},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"weight_decay": -1.0},
        {"warmup": 1.5},
        {"label_smoothing": -0.1},
        {"ema": 1.0},
        {"betas": (0.9, 1.0)},
        {"learning_rate": float("nan")},
    ],
)
def test_recipe_out_of_range(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        FitConfig(**wrong)


@given(
    st.sampled_from(["one-cycle", "cosine", "linear", "constant"]),
    st.floats(0, 1),
    st.integers(1, 50),
    st.floats(1e-4, 1),
)
def test_learning_rate_rises_to_its_peak_and_falls(schedule, warmup, steps, peak):
    config = FitConfig(schedule=schedule, warmup=warmup, learning_rate=peak)
    rates = [learning_rate(config, step, steps) for step in range(steps)]
    top = rates.index(max(rates))
    assert all(0 < rate <= peak * (1 + 1e-12) for rate in rates)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_one_cycle_is_the_formula():
    config = FitConfig(schedule="one-cycle", warmup=0.5, learning_rate=2.0)
    assert learning_rate(config, 4, 20) == pytest.approx(1.0)  # half way up the cosine
    assert learning_rate(config, 14, 20) == pytest.approx(1.0)  # half way down
    assert learning_rate(FitConfig(schedule="linear", warmup=0.0, learning_rate=1.0), 4, 10) == pytest.approx(0.5)


def test_settings_are_changed_by_their_dotted_names():
    settings = {"epochs": np.int64(7), "learning_rate": np.float64(0.5), "freeze": [0.25], "schedule": "linear"}
    found = changed(FitConfig(), settings)
    assert found == FitConfig(epochs=7, learning_rate=0.5, freeze=(0.25,), schedule="linear")
    assert changed(FitConfig(), {}) == FitConfig()
    assert changed(PRESETS["fast"], {"net.hidden": (5,), "data": "x"}).net.hidden == (5,)
    for settings, message in (
        ({"nosuch": 1}, "here: there is no setting 'nosuch'"),
        ({"net.nosuch": 1}, "no setting 'net.nosuch'"),
        ({"data.rate": 1}, "no setting 'data.rate'"),
        ({"fit.learning_rate": "fast"}, "here.fit.learning_rate: 'fast' does not fit"),
        ({"fit.epochs": 0}, "epochs must be at least 1"),
    ):
        with pytest.raises(UserError, match=message):
            changed(PRESETS["fast"], settings, "here")


def test_parsing_reads_no_sources(monkeypatch):
    """tyro looks for the text of a field in the sources of its class, which takes longer than all else that it does."""

    def refused(_):
        raise AssertionError("a source is read")

    monkeypatch.setattr(inspect, "getsource", refused)
    assert parse(Flat, ["--kind", "b"], prog="x").inner == Inner(kind="b")


@dataclass(frozen=True)
class Flat:
    inner: flat(Inner) = field(default_factory=Inner)  # type: ignore[valid-type]

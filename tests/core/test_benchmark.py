import getpass
import json
import math
import platform
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from cnn_core import benchmark
from cnn_core.errors import UserError
from cnn_core.exporting.graph import export_onnx

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_cpu_seconds_count_work_and_not_sleep():
    with benchmark.cpu_seconds() as spent:
        burn(0.1)
        time.sleep(0.2)
        running = spent.cpu
    held = (spent.cpu, spent.wall)
    burn(0.05)
    assert 0.1 <= running <= spent.cpu < 0.2
    assert spent.wall >= 0.3
    assert (spent.cpu, spent.wall) == held


def test_cpu_seconds_of_children_only_when_asked():
    with benchmark.cpu_seconds(children=True) as both, benchmark.cpu_seconds() as own:
        subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert both.cpu >= 0.25
    assert own.cpu < 0.2


def test_timer_stops_when_the_block_fails():
    with pytest.raises(ZeroDivisionError), benchmark.cpu_seconds() as spent:
        1 / 0  # noqa: B018
    held = spent.wall
    time.sleep(0.01)
    assert spent.wall == held


def test_latency_leaves_the_warm_up_out():
    calls = []

    def slow_at_first():
        calls.append(None)
        time.sleep(0.05 if len(calls) <= 2 else 0.001)

    found = benchmark.latency(slow_at_first, warmup=2, repeats=20)
    assert len(calls) == 22
    assert found.n == 20
    assert 0.001 <= found.p10 <= found.median <= found.p90 <= found.p99
    assert found.median < 0.03
    with pytest.raises(ValueError, match="repeats"):
        benchmark.latency(slow_at_first, repeats=0)


def test_throughput_counts_items():
    found = benchmark.throughput(lambda: time.sleep(0.01), 5, warmup=0, seconds=0.1)
    assert 100 < found.per_second <= 500
    assert found.per_cpu_second > found.per_second  # sleeping takes no CPU


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_summary_agrees_with_numpy(values):
    found = benchmark.summary(values)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert found.sd == pytest.approx(np.std(values, ddof=1), abs=1e-6, rel=1e-9)
    assert found.n == len(values)


def test_summary_as_text():
    shares = [0.991, 0.992, 0.990]
    assert benchmark.summary(shares).format(scale=100) == "99.10 ± 0.10 (n = 3)"
    assert str(benchmark.summary([4.5])) == "4.50 (n = 1)"
    assert math.isnan(benchmark.summary([4.5]).sd)
    with pytest.raises(ValueError, match="no values"):
        benchmark.summary([])


def test_paired_ratio_is_that_of_the_pairs():
    rng = np.random.default_rng(1)
    pace = rng.uniform(1, 5, 40)  # a machine whose speed drifts
    slow, fast = 60 * pace * rng.lognormal(0, 0.05, 40), pace * rng.lognormal(0, 0.05, 40)
    found = benchmark.paired_ratio(slow, fast)
    assert found.median == statistics.median(slow / fast)
    assert found.n == 40
    expected = stats.bootstrap(
        (slow / fast,), np.median, n_resamples=10_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=0.01)
    assert found == benchmark.paired_ratio(slow, fast)


def test_paired_ratio_of_one_pair_and_of_nonsense():
    assert benchmark.paired_ratio([6.0], [2.0]) == benchmark.Ratio(3.0, 3.0, 3.0, 1)
    for first, second, message in (([1], [1, 2], "one length"), ([], [], "one length"), ([1], [0], "above 0")):
        with pytest.raises(ValueError, match=message):
            benchmark.paired_ratio(first, second)


def test_environment_names_the_machine_and_nobody():
    found = benchmark.environment()
    text = json.dumps(found)
    assert found["torch"] == torch.__version__
    assert found["python"] == platform.python_version()
    assert found["threads"] == torch.get_num_threads()
    assert found["cores"] >= 1
    assert found["cpu"]
    assert len(found["date"]) == len("2026-01-31")
    for private in (platform.node(), str(sys.prefix)):
        assert private not in text
    assert getpass.getuser() not in text.replace('"threads"', "")


@pytest.mark.slow
def test_inference_speed_of_both_runtimes(tmp_path):
    model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(), nn.Linear(16, 2))
    inputs = torch.ones(32, 8)
    path = tmp_path / "model.onnx"
    export_onnx(model, inputs, path)
    model[2].eval()
    before = torch.get_num_threads()
    rows = benchmark.inference_speed(model, path, inputs, rounds=2, repeats=5, seconds=0.01)
    assert [row["runtime"] for row in rows] == ["pytorch", "onnxruntime"]
    for row in rows:
        assert row["batch"] == 32
        assert row["latency_ms"]["n"] == 10
        assert 0 < row["latency_ms"]["median"] < 1000
        # A batch of 32 through so small a network is far quicker than 32 single calls.
        assert row["inputs_per_second"] > 1000 / row["latency_ms"]["median"]
    assert torch.get_num_threads() == before
    assert (model.training, model[0].training, model[2].training) == (True, True, False)
    with pytest.raises(UserError, match="not an ONNX model"):
        benchmark.inference_speed(model, tmp_path / "missing.onnx", inputs)

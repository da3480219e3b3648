"""The roofline: work against hand-counted networks, the table, the guard on planted slow-downs."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from apps.bench.__main__ import main
from apps.bench.roofline import command, training
from apps.bench.roofline.jobs import JOBS, Job
from apps.bench.roofline.machine import Peak, measured_peak
from apps.bench.roofline.ready import Ready
from apps.bench.roofline.table import Row, against, read_rows, table_of
from apps.bench.roofline.work import work_of
from cnn_core.errors import UserError

ROW = Row("job", "picture", "fp32", flops=2e6, bytes=1e6, cpu_seconds=1e-4, peak=100.0, bandwidth=20.0)


def test_work_of_a_network_counted_by_hand():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 6 * 6, 10))
    x = torch.randn(4, 3, 8, 8)
    conv, dense = 4 * 36 * 8 * 27, 4 * 8 * 36 * 10  # multiplications
    with torch.no_grad():
        forward = work_of(lambda: net(x))
    assert forward.flops == 2 * (conv + dense)
    tensors = [x, net[0].weight, net[0].bias, net[2].weight, net[2].bias]
    between = 2 * (4 * 8 * 36) + 4 * 10  # the convolution's output is written and read, the answer is written
    assert forward.bytes == 4 * (sum(t.numel() for t in tensors) + between)
    both = work_of(lambda: net(x).sum().backward())
    # Backward: gradients of the weights of both layers, and of the input of the second alone.
    assert both.flops == 2 * (2 * conv + 3 * dense)


def test_work_of_a_preset_counted_by_hand():
    conv1, conv2, conv3, dense = 144 * 16 * 36, 100 * 32 * 16 * 9, 9 * 128 * 32 * 9, 128 * 10
    ready = JOBS["digits-predict-batch"].ready()
    assert work_of(ready.run).flops == ready.samples * 2 * (conv1 + conv2 + conv3 + dense)


def test_gradients_by_grad_are_counted_and_nothing_is_left():
    x = torch.randn(5, 7, requires_grad=True)
    layer = nn.Linear(7, 3)
    work = work_of(lambda: torch.autograd.grad(layer(x).sum(), x))
    assert work.flops == 2 * (5 * 7 * 3) * 2
    assert not nn.modules.module._global_forward_hooks


def test_convolutions_by_winograd_count_as_direct_ones():
    from apps.bench.roofline.training import _ready
    from apps.digits.app import APP
    from cnn_core.training.data import Split

    base = APP.presets["fast"]
    net = replace(base.net, channels=(32, 32), kernels=(3, 3), strides=(1, 1), padding=("same",), pools=(1, 1))
    fit = replace(base.fit, freeze=(), batch_size=8, precision="fp32")
    split = Split(torch.randint(0, 256, (8, 28, 28), dtype=torch.uint8), torch.arange(8))
    flops = []
    for winograd in (False, True):
        config = replace(base, net=net, fit=replace(fit, winograd=winograd))
        ready = _ready("digits", config, split, tuple("0123456789"))
        flops.append(work_of(ready.counted).flops)
    assert flops[0] == flops[1] > 8 * 2 * 3 * (784 * 32 * 32 * 9)


def test_the_peak_of_this_machine():
    peak = measured_peak(1, copied=1 << 20, sides=(64,))
    assert "fp32" in peak.gflops
    assert all(value > 0.01 for value in [*peak.gflops.values(), peak.bandwidth])


def test_shares_and_the_table():
    assert (ROW.gflops, ROW.share) == (pytest.approx(20), pytest.approx(0.2))
    assert ROW.share_of_bandwidth == pytest.approx(0.5)
    line = table_of([ROW]).splitlines()[2]
    assert line.split() == ["job", "picture", "fp32", "2", "1", "2", "0.1", "20", "20.0%", "50%"]
    assert table_of([ROW], markdown=True).splitlines()[2].startswith("| job ")


@pytest.mark.parametrize(
    ("change", "slower"),
    [
        ({}, False),
        ({"cpu_seconds": 1.15e-4}, False),
        ({"cpu_seconds": 1.25e-4}, True),
        ({"cpu_seconds": 0.5e-4}, False),
        ({"cpu_seconds": 2e-4, "peak": 50.0}, False),  # a machine of half the speed
        ({"peak": 130.0}, True),  # a faster machine that brings nothing
        ({"cpu_seconds": 0.5e-4, "flops": 0.8e6}, False),  # less work in less time, at a lower share of peak
        ({"cpu_seconds": 2e-4, "flops": 4e6}, True),  # twice the work, at the same share of peak
    ],
)
def test_the_guard(change, slower):
    ((found),) = against([replace(ROW, **change)], {"job": ROW})
    assert found.slower == slower


def test_the_guard_needs_a_job_in_common():
    with pytest.raises(UserError, match="none of these jobs"):
        against([ROW], {"other": ROW})


@pytest.fixture
def planted(monkeypatch):
    """Two quick jobs and one that is not available; `speed` is the times as long that the first one takes."""
    speed = {"product": 1.0}
    a = torch.randn(96, 96)

    def missing():
        raise UserError("weights are not available")

    jobs = {
        "product": Job("product", lambda: Ready(lambda: [a @ a for _ in range(20)], 20, "fp32")),
        "sum": Job("sum", lambda: Ready(lambda: [(a + a) @ a for _ in range(20)], 20, "fp32")),
        "missing": Job("picture", missing),
    }
    monkeypatch.setattr(command, "JOBS", jobs)
    monkeypatch.setattr("apps.bench.roofline.machine.measured_peak", lambda rounds: Peak({"fp32": 100.0}, 10.0))
    measure = command.measure

    def slowed(name, job, rounds, peak):
        row = measure(name, job, rounds, peak)
        return replace(row, cpu_seconds={"product": 1e-4, "sum": 2e-4}[name] * speed.get(name, 1.0))

    monkeypatch.setattr(command, "measure", slowed)
    return speed


@pytest.mark.slow
def test_a_slow_spell_is_no_slow_job(planted, tmp_path, monkeypatch, capsys):
    """What seems slower is measured again, and the better time counts."""
    out = tmp_path / "roofline.json"
    assert main(["roofline", "--quick", "--out", str(out)]) == 0
    times = iter([1.5, 1.0])
    measure = command.measure

    def spell(name, job, rounds, peak):
        row = measure(name, job, rounds, peak)
        return replace(row, cpu_seconds=row.cpu_seconds * next(times)) if name == "product" else row

    monkeypatch.setattr(command, "measure", spell)
    assert main(["roofline", "--quick", "--against", str(out)]) == 0
    assert "product once more" in capsys.readouterr().err


@pytest.mark.slow
def test_written_read_and_guarded(planted, tmp_path, capsys):
    out = tmp_path / "roofline.json"
    assert main(["roofline", "--quick", "--out", str(out), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data == json.loads(out.read_text())
    assert data["skipped"] == {"missing": "weights are not available"}
    rows = read_rows(out)
    assert rows["product"].flops == 2 * 96**3
    assert rows["sum"].bytes == rows["product"].bytes + 4 * 3 * 96**2
    page = out.with_suffix(".md").read_text()
    assert "| product " in page
    assert "- missing: weights are not available" in page
    assert torch.__version__ in page
    assert main(["roofline", "--quick", "--against", str(out)]) == 0
    assert "no job has become slower" in capsys.readouterr().out
    planted["product"] = 1.3
    assert main(["roofline", "--quick", "--against", str(out)]) == 1
    text = capsys.readouterr().out
    assert "slower by more than a fifth: product" in text
    assert main(["roofline", "--quick", "--against", str(out), "--jobs", "sum"]) == 0
    assert main(["roofline", "--quick", "--against", str(out), "--json"]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["slower"] == ["product"]


@pytest.mark.parametrize("text", ["", "{}", '{"rows": [{"job": "a"}]}', '{"rows": 3}'])
def test_the_guard_takes_its_own_files_only(text, tmp_path, capsys):
    path = tmp_path / "old.json"
    path.write_text(text)
    assert main(["roofline", "--against", str(path)]) == 2
    assert f"{path}: not written by" in capsys.readouterr().err
    assert main(["roofline", "--against", str(tmp_path / "none.json")]) == 2
    assert main(["roofline", "--jobs", "none-such"]) == 2
    assert "--jobs none-such: unknown" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["digits-train-fast", pytest.param("text-train-nonstatic", marks=pytest.mark.long), "go-genmove", "digits-optima"],
)
def test_real_jobs_run(name, tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path))
    ready = JOBS[name].ready()
    assert work_of(ready.counted or ready.run).flops > 0
    assert ready.samples >= 1
    assert ready.precision in ("fp32", "bf16")


@pytest.mark.parametrize("job", ["digits-train-fast", "photos-train-scratch", "speech-train-time"])
def test_every_training_is_one_pass(job, monkeypatch):
    """Presets that ask for a number of steps at least would else pass over the few samples many times."""
    asked = []
    monkeypatch.setattr(training.engine, "fit", lambda model, train, fit, **_: asked.append((fit, len(train))))
    ready = JOBS[job].ready()
    ready.run()
    ((fit, samples),) = asked
    assert (fit.epochs, fit.least_steps, samples) == (1, 0, ready.samples)

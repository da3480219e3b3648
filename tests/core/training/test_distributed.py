"""Two real processes under torchrun give what one process gives."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "helpers" / "train_small.py"


def run_with(processes: int, run: Path, options: dict) -> None:
    command = [sys.executable, str(SCRIPT), str(run), json.dumps(options)]
    if processes > 1:
        launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
        command[1:1] = [*launcher, "--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def one_and_two(folder: Path, options: dict) -> list[dict[str, torch.Tensor]]:
    """The weights that one process and two make, each in a run folder of that name."""
    weights = []
    for processes in (1, 2):
        run = folder / str(processes)
        run.mkdir()
        run_with(processes, run, options)
        weights.append(torch.load(run / "final.pt", weights_only=True))
    return weights


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# 97 samples in batches of 16: the last one has a single sample, fewer than there are processes.
@pytest.mark.long
@pytest.mark.parametrize(("norm", "accumulate"), [("none", 1), ("batch", 1), ("none", 3)])
def test_two_processes_are_one(tmp_path, norm, accumulate):
    options = {
        "samples": 97,
        "double": True,  # rounding stays far below what a mistake would show
        "net": {"norm": norm},
        "fit": {"epochs": 2, "batch_size": 16, "learning_rate": 0.003, "clip_norm": 1.0},
    }
    options["fit"] |= {"accumulate": accumulate}
    one, two = one_and_two(tmp_path, options)
    histories = [json.loads((tmp_path / str(processes) / "history.json").read_text()) for processes in (1, 2)]
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-9, atol=1e-9, msg=lambda m, name=name: f"{name}: {m}")
    for a, b in zip(*histories, strict=True):
        for key in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
            assert b[key] == pytest.approx(a[key], rel=1e-9)


@pytest.mark.long
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_a_checkpoint_of_one_number_of_processes_goes_on_in_another(tmp_path, before, after):
    fit = {"epochs": 2, "batch_size": 16, "learning_rate": 0.003}  # a constant rate: the first epoch alone is the same
    options = {"samples": 97, "double": True, "fit": fit | {"schedule": "constant", "warmup": 0.0}}
    run, whole = tmp_path / "run", tmp_path / "whole"
    for folder in (run, whole):
        folder.mkdir()
    run_with(1, whole, options)
    run_with(before, run, {**options, "fit": options["fit"] | {"epochs": 1}})
    run_with(after, run, {**options, "resume": True})
    found, wanted = (torch.load(each / "final.pt", weights_only=True) for each in (run, whole))
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-9)


@pytest.mark.long
def test_norms_of_each_process_alone(tmp_path):
    """Each process has its own mean and variance; the running ones become one for all, the mean over the processes."""
    # The weights hardly move, so that the mean of the shares' means is the batch's.
    fit = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-9, "ema": 0.9, "local_norms": True}
    options = {"samples": 96, "double": True, "net": {"norm": "batch"}, "fit": fit}
    one, two = one_and_two(tmp_path, options)
    first = next(name for name in one if name.endswith("running_mean"))
    torch.testing.assert_close(two[first], one[first], rtol=1e-5, atol=1e-6)
    variance = first.replace("mean", "var")
    torch.testing.assert_close(two[variance], one[variance], rtol=0.2, atol=0)
    assert not torch.allclose(two[variance], one[variance], rtol=1e-5, atol=0)

"""A process that is lost ends the others in one line, soon, and the run goes on from its checkpoint."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from cnn_core.errors import UserError
from cnn_core.training.distributed import lost_after
from tests.core.training.test_distributed import SCRIPT, free_port, run_with

OPTIONS = {"samples": 2000, "fit": {"epochs": 400, "batch_size": 50, "save_seconds": 0.5}}
NAMESPACES = ("cnnsuite0", "cnnsuite1")


def start(
    run: Path, rank: int, port: int, address: str = "127.0.0.1", prefix: tuple = (), options=OPTIONS, world: int = 2
):
    env = os.environ | {
        "RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": "0",
        "MASTER_ADDR": address, "MASTER_PORT": str(port), "CNN_SUITE_LOST_AFTER": "6",
    }  # fmt: skip
    if prefix:
        env["GLOO_SOCKET_IFNAME"] = f"veth{rank}"
    command = [*prefix, sys.executable, str(SCRIPT), str(run), json.dumps(options)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def first_epoch(process: subprocess.Popen) -> None:
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["epoch"] == 1


def ended(process: subprocess.Popen, within: float) -> str:
    """Its last line on standard error; it must end with status 1 or 2 within so many seconds."""
    begun = time.monotonic()
    _, error = process.communicate(timeout=within)
    assert time.monotonic() - begun < within
    assert process.returncode in (1, 2), error
    return error.strip().splitlines()[-1]


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def resumes_alone(run: Path) -> None:
    options = {**OPTIONS, "resume": True, "fit": {**OPTIONS["fit"], "epochs": 4}}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(run), json.dumps(options)], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert (run / "final.pt").is_file()


@pytest.mark.long
@pytest.mark.parametrize("sign", [signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize("lost", [0, 1])
def test_a_process_that_stops_or_dies_ends_the_other(run, sign, lost):
    port = free_port()
    processes = [start(run, rank, port) for rank in (0, 1)]
    try:
        first_epoch(processes[0])
        processes[lost].send_signal(sign)
        line = ended(processes[1 - lost], within=30)
        assert "go on with --resume RUN" in line
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    resumes_alone(run)


@pytest.mark.long
def test_one_of_eight_with_uneven_shards_is_killed_at_some_time(run):
    """2,003 samples over eight processes; the seven that are left end, and the run goes on alone."""
    port, options = free_port(), {**OPTIONS, "samples": 2003}
    processes = [start(run, rank, port, options=options, world=8) for rank in range(8)]
    try:
        first_epoch(processes[0])
        generator = random.Random(time.time_ns())
        time.sleep(generator.uniform(0, 3))
        lost = generator.randrange(8)
        processes[lost].kill()
        begun = time.monotonic()
        for rank, process in enumerate(processes):
            if rank != lost:
                assert "go on with --resume RUN" in ended(process, within=30)
        assert time.monotonic() - begun < 30
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    resumes_alone(run)


@contextlib.contextmanager
def two_hosts():
    """Two network namespaces joined by a cable."""

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    for name in NAMESPACES:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    try:
        for name in NAMESPACES:
            ip("netns", "add", name)
        ip(
            "link",
            "add",
            "veth0",
            "netns",
            NAMESPACES[0],
            "type",
            "veth",
            "peer",
            "name",
            "veth1",
            "netns",
            NAMESPACES[1],
        )
        for number, name in enumerate(NAMESPACES):
            ip("-n", name, "addr", "add", f"10.77.0.{number + 1}/24", "dev", f"veth{number}")
            ip("-n", name, "link", "set", f"veth{number}", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield lambda up: ip("-n", NAMESPACES[1], "link", "set", "veth1", "up" if up else "down")
    finally:
        for name in NAMESPACES:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.fixture
def hosts():
    """Cuts the cable between two hosts, or joins it; skipped where there are no namespaces."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    with contextlib.ExitStack() as stack:
        try:
            cable = stack.enter_context(two_hosts())
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
        yield cable


def on_two_hosts(run: Path, options: dict) -> list[subprocess.Popen]:
    prefixes = [("ip", "netns", "exec", name) for name in NAMESPACES]
    return [start(run, rank, 29_511, "10.77.0.1", prefix, options) for rank, prefix in enumerate(prefixes)]


@pytest.mark.long
def test_two_hosts_whose_cable_is_cut_both_end(run, hosts):
    processes = on_two_hosts(run, OPTIONS)
    try:
        first_epoch(processes[0])
        hosts(False)
        begun = time.monotonic()
        for process in processes:
            line = ended(process, within=30)
            assert "go on with --resume RUN" in line
        assert time.monotonic() - begun < 30
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    resumes_alone(run)


@pytest.mark.long
def test_two_hosts_are_one_process(run, hosts):
    fit = {"epochs": 2, "batch_size": 16, "learning_rate": 0.003}
    options = {"samples": 97, "double": True, "fit": fit}
    for process in on_two_hosts(run, options):
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
    alone = run.with_name("alone")
    alone.mkdir()
    run_with(1, alone, options)
    two, one = (torch.load(each / "final.pt", weights_only=True) for each in (run, alone))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-9, atol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_process_that_waits_alone_ends_in_one_line(rank, tmp_path):
    alone = {"RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    words = ["-m", "apps.digits", "train", "--out", str(tmp_path / "run"), "--rendezvous-timeout", "2"]
    done = subprocess.run(
        [sys.executable, *words], env=os.environ | alone, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "the other processes cannot be reached within 2 s" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_seconds_of_silence(monkeypatch):
    monkeypatch.setenv("CNN_SUITE_LOST_AFTER", "7.5")
    assert lost_after() == 7.5
    for wrong in ("soon", "-1", "nan", "inf"):
        monkeypatch.setenv("CNN_SUITE_LOST_AFTER", wrong)
        with pytest.raises(UserError, match=f"CNN_SUITE_LOST_AFTER={wrong}"):
            lost_after()

"""Every command of cnn-bench in the front that all apps share: help, wrong options, Ctrl-C, pipes, full disks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.bench.__main__ import BENCH, main
from cnn_core.training.engine import Interrupted

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
NAMES = sorted(BENCH.verbs)
COMMON = ("--json", "--device", "--seed", "--threads")
ON_PROCESSOR = ["digits-speed", "go-speed", "speech-speed", "text-speed", "text-accuracy", "dream-speed"]
ON_PROCESSOR += ["winograd-speed", "visual-speed", "speed", "roofline"]


def command(*args: str, **more) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "apps.bench", *args], env=ENVIRONMENT, text=True, **more)


@pytest.mark.parametrize("name", NAMES)
def test_help_names_the_common_options(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: cnn-bench {name} ")
    assert all(option in out for option in COMMON)


def test_help_of_all_needs_no_torch():
    code = (
        "import sys; from apps.bench.__main__ import BENCH; "
        "[verb.module() for verb in BENCH.verbs.values()]; "
        "heavy = {'torch', 'numba', 'matplotlib', 'gensim', 'torchaudio', 'sklearn'}; "
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_overview_lists_all(capsys):
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if line.startswith("  ")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("args", [["--none-such"], ["--seed", "one"], ["--threads", "1.5"]])
def test_wrong_options_are_one_line(name, args, capsys):
    assert main([name, *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("cnn-bench: error: ")


@pytest.mark.parametrize("name", ON_PROCESSOR)
def test_figures_in_cpu_seconds_are_measured_on_the_processor(name, capsys):
    assert main([name, "--device", "cuda"]) == 2
    assert "counts CPU-seconds; use --device cpu" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Interrupted("stopped in epoch 1 after step 5")])
def test_interrupted_ends_with_130(name, stop, monkeypatch, capsys):
    def run(app, options):
        raise stop

    monkeypatch.setattr(BENCH.verbs[name].module(), "run", run)
    assert main([name]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"cnn-bench: {' '.join(stop.args) or 'interrupted'}\n"


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_training(digits_folder, tmp_path):
    args = ["pooling", "--apps", "digits", "--data", str(digits_folder), "--seeds", "500", "--out", str(tmp_path)]
    child = command(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stderr is not None
    assert child.stderr.readline().startswith("1/")  # one network is trained, the next is on its way
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize("args", [["--help"], ["go-speed", "--help"], ["report", "--out", "OUT"]])
def test_a_closed_pipe_is_no_error(args, tmp_path):
    results = tmp_path / "benchmarks" / "speed"
    results.mkdir(parents=True)
    (results / "results.json").write_text(
        '{"study": "speed", "question": "?", "says": [], "table": {"head": ["a"], "rows": [["b"]]}, "environment": {}}'
    )
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        child = command(*args, stdout=pipe, stderr=subprocess.PIPE, cwd=tmp_path)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("args", [["--help"], ["size", "--help"]])
def test_a_full_disk_is_one_line(args):
    with Path("/dev/full").open("w") as full:
        child = command(*args, stdout=full, stderr=subprocess.PIPE)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 2
    assert err == "cnn-bench: error: the disk: No space left on device; free some space, or name another place\n"

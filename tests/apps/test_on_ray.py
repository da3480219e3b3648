"""Trainings on Ray: a real cluster of two worker processes on this machine, one of which is killed while it works."""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from apps.bench.__main__ import main
from apps.bench.studies import study as studies
from apps.bench.studies.study import Group, Study, Variant, run_study
from apps.digits.app import APP
from cnn_core.optional import missing
from cnn_core.runs import restore
from cnn_core.training.recipe import FitConfig
from cnn_core.verbs.common import Common
from cnn_core.verbs.measures.jobs import Here, engine
from cnn_core.verbs.measures.reviewing.folds import Kept, out_of_fold
from cnn_core.verbs.measures.tuning.search import Search
from tests.apps.bench.test_commands import small
from tests.core.training.test_distributed import free_port

COMMON = Common(device="cpu", threads=1)
SEEDS = 1


def try_study(folder, change=None) -> Study:
    variants = tuple(Variant(pool, "digits", small(folder, pool), change=change) for pool in ("none", "max"))
    return Study("try", "Which?", (Group("digits", variants),), lambda rows: [])


def kept(out: Path) -> list[dict]:
    """The runs of a study, without what differs from time to time."""
    lines = [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()]
    return sorted(({**line, "cpu_seconds": 0} for line in lines), key=lambda line: line["key"])


def listening(processes: set[int]) -> set[str]:
    """Addresses, as the kernel writes them, at which these processes listen."""
    files = [each for pid in processes for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()]
    sockets = {str(each.readlink()) for each in files}
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}


def descendants(pid: int) -> set[int]:
    found = {pid}
    for each in Path(f"/proc/{pid}/task").iterdir():
        for child in (each / "children").read_text().split():
            found |= descendants(int(child))
    return found


@pytest.fixture(scope="module")
def jobs():
    if find_spec("ray") is None:  # looked for and not imported: how it is imported is tried too
        pytest.skip(missing("ray", "--on ray"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setattr("cnn_core.verbs.measures.jobs.cores", lambda: 2)
        with engine("ray", COMMON) as found:
            yield found


@pytest.mark.long
def test_a_killed_worker_and_a_stop_change_nothing(jobs, digits_folder, tmp_path, monkeypatch):
    here, spread, begun = tmp_path / "here", tmp_path / "ray", tmp_path / "begun"
    begun.mkdir()
    run_study(try_study(digits_folder), SEEDS, here, progress=False)

    def change(data):  # a local function, so that it is sent to the workers
        first = not any(begun.iterdir())
        (begun / f"{os.getpid()}-{time.time_ns()}").touch()
        if first:
            time.sleep(60)
        return data

    def kill():
        while not (found := [*begun.iterdir()]):
            time.sleep(0.05)
        seen.append(listening(descendants(os.getpid())))
        pids.append(int(found[0].name.partition("-")[0]))
        os.kill(pids[0], signal.SIGKILL)

    pids, seen = [], []
    killer = threading.Thread(target=kill, daemon=True)
    assert jobs.slots == 2
    killer.start()
    add = studies._Store.add

    def once(store, key, entry):
        add(store, key, entry)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(studies._Store, "add", once)
        with pytest.raises(KeyboardInterrupt):
            run_study(try_study(digits_folder, change), SEEDS, spread, progress=False, jobs=jobs)
    assert len(kept(spread)) == 1
    run_study(try_study(digits_folder, change), SEEDS, spread, progress=False, jobs=jobs)
    killer.join()
    assert pids[0] in {int(each.name.partition("-")[0]) for each in begun.iterdir()}
    assert kept(spread) == kept(here), "to the bit, the killed one's too"
    assert seen[0] <= {"0100007F", "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F"}, "loopback alone"


@pytest.mark.long
def test_a_search_and_folds_say_the_same(jobs, quick_digits_run, digits_folder, tmp_path):
    torch.set_num_threads(1)
    config = replace(APP.presets["fast"], data=str(digits_folder), fit=FitConfig(epochs=2, batch_size=64))
    rung, found = [{}, {"fit.learning_rate": 0.003}], []
    for name, each in (("here", Here("cpu")), ("ray", jobs)):
        search = Search(APP, "fast", config, tmp_path / name, 0.2, COMMON, each)
        with search.working():
            found.append([replace(trial, seconds=0) for trial in search.train(rung, 0.5)])
    assert found[0] == found[1]
    assert [trial.settings for trial in found[0]] == rung

    run = restore(APP, quick_digits_run)
    source, load = APP.load(run.config), partial(APP.load, run.config)
    here, spread = (Kept(tmp_path / f"folds-{n}", b"k" * 32) for n in (0, 1))
    second = out_of_fold(run, source, 3, jobs, load, spread, progress=False)
    (kept_one,) = (logits for logits in [spread.find("fold-1")] if logits is not None)
    here.keep("fold-1", torch.full_like(kept_one, 700.0))  # of an earlier review; the others are made
    first = out_of_fold(run, source, 3, Here("cpu"), load, here, progress=False)
    made = (first != 700).all(1)
    assert int(made.sum()) == len(source.train) - len(kept_one)
    assert torch.equal(first[made], second[made])
    assert not (second == 700).any()
    assert Kept(tmp_path / "folds-1", b"l" * 32).find("fold-1") is None, "of another key"


def test_without_the_package_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    assert main(["size", "--apps", "digits", "--on", "ray"]) == 2
    error = capsys.readouterr().err
    assert "--on ray needs the package ray: pip install 'cnn-suite[cluster]'" in error
    assert error.count("\n") == 1


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_port()}")
    assert main(["size", "--apps", "digits", "--on", "ray"]) == 2
    assert "nothing answers there" in capsys.readouterr().err

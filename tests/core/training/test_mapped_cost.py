"""What mapped clips cost: memory of the process's own, and CPU-seconds beside the same clips in memory.

    python tests/core/training/test_mapped_cost.py 10000     # MB of clips; the figures of docs/experiments/mapped.md

Each way runs in a process of its own, which makes its clips (written to a temporary folder where they are mapped) and
trains a small network on them for an epoch, twice; the second epoch is timed.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LENGTH, BLOCK = 16_000, 256


def anonymous() -> float:
    """MB of this process's own: mapped pages belong to the system."""
    return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def child(folder: str, megabytes: int) -> None:
    """Train on so many MB of clips, mapped beyond what CNN_SUITE_MEMORY says; prints what it cost."""
    import numpy as np
    import torch
    from torch import nn

    from cnn_core.fetching import decoded
    from cnn_core.training.data import Split, samples_of
    from cnn_core.training.engine import fit
    from cnn_core.training.recipe import FitConfig

    count = megabytes * 1_000_000 // (2 * LENGTH)
    peak, done = [anonymous()], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], anonymous())

    watching = threading.Thread(target=watch)
    watching.start()
    start = peak[0]
    clips = decoded.growing(Path(folder) / "clips.safetensors", "clips", 2 * LENGTH * count)
    noise = np.random.default_rng(0).integers(-8000, 8000, (BLOCK, LENGTH), np.int16)
    for first in range(0, count, BLOCK):
        clips.add(np.roll(noise, first, axis=1)[: min(BLOCK, count - first)])
    split = Split(samples_of(clips.array()), torch.arange(count) % 10)

    class Net(nn.Module):
        """Of a speech network's cost a clip, about."""

        def __init__(self) -> None:
            super().__init__()
            self.frames = nn.Conv1d(1, 32, 400, 160)
            self.layers = nn.Sequential(
                nn.ReLU(), nn.Conv1d(32, 48, 9, 2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(48, 10)
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers(self.frames(x[:, None].float() / 32768))

    model, times = Net(), []
    config = FitConfig(epochs=2, batch_size=128, precision="fp32", calibration=0.0)
    fit(
        model,
        split,
        config,
        progress=False,
        on_epoch=lambda _: times.append((time.process_time(), time.perf_counter())),
    )
    done.set()
    watching.join()
    (cpu, wall), (last_cpu, last_wall) = times
    found = {"mapped": split.mapped, "start": start, "peak": peak[0], "cpu": last_cpu - cpu, "wall": last_wall - wall}
    print(json.dumps(found | {"clips": count}))


def cost(megabytes: int, memory: str, place: Path | None = None) -> dict[str, float]:
    """What `child` prints, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CNN_SUITE_MEMORY": memory}
    with tempfile.TemporaryDirectory(dir=place) as folder:
        command = [sys.executable, __file__, folder, str(megabytes)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_mapped_clips_take_little_memory_and_as_long(tmp_path):
    whole, rows = cost(400, "4G", tmp_path), cost(400, "50M", tmp_path)
    assert (whole["mapped"], rows["mapped"]) == (False, True)
    assert whole["peak"] - whole["start"] > 400
    assert rows["peak"] - rows["start"] < 250  # blocks that are written, a batch, the network
    pairs = [(cost(400, "4G", tmp_path)["cpu"], cost(400, "50M", tmp_path)["cpu"]) for _ in range(3)]
    # The fastest of three runs in turn: a busy machine slows either. Measured alone, see docs/experiments/mapped.md.
    assert min(b for _, b in pairs) < min(a for a, _ in pairs) / 0.8


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(sys.argv[1], int(sys.argv[2]))
    else:
        for kept in ("50M", "100G") if int(sys.argv[1]) < 6000 else ("50M",):
            print(kept, json.dumps(cost(int(sys.argv[1]), kept)))

"""What reading a file costs, measured in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, re, sys, time
from pathlib import Path
def memory(name):  # not getrusage: its peak begins with that of the process that started this one
    return int(re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
path = Path(sys.argv[1])
{imports}
before, begin, said = memory("VmRSS"), time.process_time(), ""
from cnn_core.errors import UserError
try:
    {call}
except UserError as error:
    said = str(error)
print(json.dumps({{"bytes": memory("VmHWM") - before, "seconds": time.process_time() - begin, "said": said}}))
"""
GIGABYTE = 10**9
READERS = {  # imports with what they load on the way, and the call
    "idx": ("from apps.digits.idx import read_idx", "read_idx(path)"),
    "digit": ("from apps.digits.frame import read", "read(path)"),
    "picture": ("from apps.dream.data import read", "read(path)"),
    "recording": (
        "import soundfile, torch, torchaudio.functional; from apps.speech.signal.audio import read",
        "read(path)",
    ),
    "games": (
        "from apps.go.records.games import parse_all, _contents",
        "found, report = parse_all(_contents(path), progress=False); said = str(report.reasons)",
    ),
    "vectors": (
        "import importlib.util as u; u.find_spec('gensim') and __import__('gensim.models.fasttext');"
        " from apps.text.words.vector_files import look_up",
        "look_up(path, [f'word{n}' for n in range(20_000)])",
    ),
    "archive": ("from cnn_core.fetching.archives import extract_all", "extract_all(path, path.with_name('out'))"),
    "manifest": ("from cnn_core.fetching.manifests import load_manifest", "load_manifest(path.stem, path.parent)"),
    "json": ("from cnn_core.bounded import read_json", "read_json(path)"),
}


def cost(reader: str, path: Path) -> tuple[int, float, str]:
    """(bytes above the start, CPU-seconds, the message or "") of reading a file."""
    imports, call = READERS[reader]
    program = PROGRAM.format(imports=imports, call=call)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["bytes"], found["seconds"], found["said"]


def check(reader: str, path: Path, message: str) -> None:
    """Reading stays below a gigabyte and ten CPU-seconds, and says so."""
    size, seconds, said = cost(reader, path)
    assert message in said, said
    assert "\n" not in said
    assert size < GIGABYTE, f"{size / 1e6:.0f} MB"
    assert seconds < 10, f"{seconds:.1f} s"

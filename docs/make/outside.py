"""Whether a built page would ask anything of the outside: the site must work without a network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

ASKING = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "audio": ("src",),
    "video": ("src", "poster"),
    "embed": ("src",),
    "object": ("data",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
    "form": ("action",),
}
LINKS = {"canonical", "alternate", "prev", "next", "author", "license", "edit"}
"""Kinds of <link> that a browser does not load."""
URL = re.compile(r"(?:url\(\s*|@import\s+)['\"]?((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        wanted = ASKING.get(tag, ())
        if tag == "link" and not set(given.get("rel", "").split()) & LINKS:
            wanted = ("href",)
        self.found += [given[name] for name in wanted if _far(given.get(name, ""))]
        self.found += URL.findall(given.get("style", ""))
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("img", "iframe", "script") and given.get("src"):
            self.links.append(given["src"])

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.found += URL.findall(data)


def _far(value: str) -> bool:
    return bool(re.search(r"(?:^|[\s,])(?:https?:)?//", value.strip()))


def requests(folder: Path) -> list[str]:
    """ "file: address" of everything that pages or style sheets would load from elsewhere."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        found += [f"{path.relative_to(folder)}: {each}" for each in _read(path).found]
    for path in sorted(folder.rglob("*.css")):
        found += [f"{path.relative_to(folder)}: {each}" for each in URL.findall(path.read_text(encoding="utf-8"))]
    return found


def broken(folder: Path) -> list[str]:
    """ "file: link" of every link inside the site whose file or anchor is missing."""
    pages = {path: _read(path) for path in sorted(folder.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:|//", link) or target.startswith("/"):
                continue  # the page of errors alone has absolute addresses
            other = (path.parent / target.partition("?")[0]).resolve() if target else path
            other = other / "index.html" if other.is_dir() else other
            if not other.is_file() or (anchor and other in pages and anchor not in pages[other].ids):
                found.append(f"{path.relative_to(folder)}: {link}")
    return found


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader

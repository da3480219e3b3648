"""Where things lie, and which files of the repository are pages of the site."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
STAGED = ROOT / "build" / "docs"
"""The site's sources as the generator reads them: copies whose links fit, generated pages, live pages."""
SITE = ROOT / "build" / "site"
OURS = ("make",)
"""Folders of docs/ that are no pages."""
PICTURES = (".png", ".jpg", ".webp", ".gif", ".svg")


def pages() -> dict[Path, Path]:
    """Markdown file of the repository -> its place among the site's sources, both relative."""
    found = {path.relative_to(ROOT): path.relative_to(DOCS) for path in sorted(DOCS.rglob("*.md")) if _ours(path)}
    found |= {readme.relative_to(ROOT): Path("manuals") / f"{readme.parent.name}.md" for readme in manuals()}
    for name in ("CONTRIBUTING", "CHANGELOG", "SECURITY"):
        found[Path(f"{name}.md")] = Path("project") / f"{name.lower()}.md"
    found[Path("datasets/README.md")] = Path("project/datasets.md")
    return {source: place.with_name("index.md") if place.stem == "README" else place for source, place in found.items()}


def manuals() -> list[Path]:
    """The README of each app."""
    return sorted((ROOT / "apps").glob("*/README.md"))


def pictures() -> dict[Path, Path]:
    """Picture of docs/ -> its place, both relative."""
    files = (path for path in sorted(DOCS.rglob("*")) if path.suffix in PICTURES and _ours(path))
    return {path.relative_to(ROOT): path.relative_to(DOCS) for path in files}


def _ours(path: Path) -> bool:
    return path.relative_to(DOCS).parts[0] not in OURS

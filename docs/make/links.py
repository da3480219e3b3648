"""Links of a page, from where it lies in the repository to where it lies in the site."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

LINK = re.compile(r"(\]\()([^)\s]+)(\))")
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:")
MADE = {Path("docs/slides.html"): Path("slides.html")}
"""Files that building makes, by the place that the Markdown gives them."""
FENCE = re.compile(r"^\s*(```|~~~)")


class BrokenLink(Exception):
    """A link to something that is no page and no picture of the site."""


def rewritten(text: str, source: Path, places: Mapping[Path, Path]) -> str:
    """The Markdown of `source` with its relative links as the site needs them.

    `places`: file of the repository -> its place among the site's sources. Raises BrokenLink for any other target.
    """
    lines, fenced = [], False
    for line in text.split("\n"):
        fenced ^= bool(FENCE.match(line))
        lines.append(line if fenced else LINK.sub(lambda found: _moved(found, source, places), line))
    return "\n".join(lines)


def _moved(found: re.Match[str], source: Path, places: Mapping[Path, Path]) -> str:
    target, hash_, anchor = found[2].partition("#")
    if not target or OUTSIDE.match(target) or _in_code(found):
        return found[0]
    path = Path(os.path.normpath(source.parent / target))
    place = MADE.get(path) or places.get(path) or places.get(path / "README.md")
    if place is None:
        raise BrokenLink(f"{source}: {found[2]} is neither a page nor a picture of the site")
    near = PurePosixPath(os.path.relpath(place, places[source].parent).replace(os.sep, "/"))
    return f"{found[1]}{near}{hash_}{anchor}{found[3]}"


def _in_code(found: re.Match[str]) -> bool:
    """Whether the link stands between backticks."""
    return found.string[: found.start()].count("`") % 2 == 1

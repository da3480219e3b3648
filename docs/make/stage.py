"""The site's sources in one folder, as the generator reads them."""

from __future__ import annotations

import shutil

from docs.make import api, live, slides
from docs.make.links import rewritten
from docs.make.places import DOCS, ROOT, STAGED, pages, pictures


def stage(*, with_live: bool) -> None:
    """Fill the folder anew. Raises BrokenLink, and UserError where live pages cannot be made."""
    shutil.rmtree(STAGED, ignore_errors=True)
    texts, seen = pages(), pictures()
    for source, place in seen.items():
        (STAGED / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, STAGED / place)
    for source, place in texts.items():
        text = rewritten((ROOT / source).read_text(encoding="utf-8"), source, {**texts, **seen})
        (STAGED / place).parent.mkdir(parents=True, exist_ok=True)
        (STAGED / place).write_text(live.placed(text, place, there=with_live), encoding="utf-8")
    shutil.copyfile(DOCS / "make" / "site.css", STAGED / "site.css")
    told = (DOCS / slides.SOURCE).read_text(encoding="utf-8")
    (STAGED / "slides.html").write_text(slides.page(told), encoding="utf-8")
    api.write()
    if with_live:
        live.write()

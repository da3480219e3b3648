"""The live pages of the lessons: the playground with a ready-made network, each a file that holds everything."""

from __future__ import annotations

import re
from pathlib import Path

from docs.make.places import STAGED

MARK = re.compile(r"^<!-- live: ([a-z-]+) -->$", re.MULTILINE)
"""Stands in a lesson where its live page belongs; readers of the bare Markdown see nothing of it."""
NETWORKS = {"digits": "@digits-lecture", "go": "@go-9x9", "speech": "@speech-digits", "text": "@text-sentiment"}
TITLES = {
    "digits": ("Draw a digit and watch the network think", "写一个数字，看网络怎样想"),
    "go": ("Play Go against the network", "与网络下围棋"),
    "lecture": ("One digit before five networks", "一个数字，五个网络"),
    "speech": ("Say a digit", "说一个数字"),
    "text": ("Type a sentence", "输入一句话"),
}

MISSING = (
    "*This copy of the site has no live pages; the command below writes one.*",
    "*这份网站没有带上现场页面；下面的命令会写出它。*",
)


def write() -> None:
    """Write every page to live/NAME.html. Raises UserError when the browser's runtime is not available."""
    import cnn_core
    from apps.playground import page
    from apps.playground.lecture.network import network

    folder = STAGED / "live"
    folder.mkdir(parents=True, exist_ok=True)
    made = {name: page.page(cnn_core.load(run).run) for name, run in NETWORKS.items()}
    made["lecture"] = page.single([network()])
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")


def placed(text: str, place: Path, *, there: bool) -> str:
    """The page at `place` with a frame for each mark; without live pages a line that says how to make one."""
    up = "../" * (len(place.parts) - 1)
    chinese = place.parts[0] == "zh"

    def frame(found: re.Match[str]) -> str:
        name = found[1]
        title = TITLES[name][chinese]
        if not there:
            return MISSING[chinese]
        whole = "在整个窗口中打开" if chinese else "open it in the whole window"
        return (
            f'<iframe class="live" src="{up}live/{name}.html" title="{title}" loading="lazy" '
            f'allow="microphone; camera"></iframe>\n\n[{title}: {whole}]({up}live/{name}.html)'
        )

    return MARK.sub(frame, text)

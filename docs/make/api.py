"""Pages of the reference: one for each room, with every public name under a heading of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docs.make.places import STAGED

ROOMS = {
    "core": (
        "cnn_core",
        "Networks, the training loop, data, ready-made networks, estimators.",
    ),
    "visual": ("cnn_core.visual", "Lenses for any `nn.Module` and any input shape."),
}
"""Page -> (package whose names are imported when they are first used, what it holds)."""
MODULES = {
    "app": ("cnn_core.app", "What an app provides, and how its command is described."),
    "data": ("cnn_core.training.data", "Samples in memory: data sets, their splits, batches."),
    "recipe": ("cnn_core.training.recipe", "Every setting of the training loop."),
    "callbacks": ("cnn_core.training.callbacks", "What happens around a step."),
    "metrics": ("cnn_core.metrics.classes", "Accuracy, calibration, intervals."),
    "sources": ("cnn_core.fetching.sources", "Where files of data sets come from."),
    "gtp": ("apps.go.gtp.protocol", "The Go Text Protocol."),
}
"""Page -> (module, what it holds)."""


def names(package: Any) -> dict[str, str]:
    """Public name of a package of lazy names -> the module in which it is defined."""
    homes = {name: f"{package.__name__}.{home}" for home, each in package._HOME.items() for name in each.split()}
    return {name: getattr(getattr(package, name), "__module__", home) for name, home in homes.items()}


def write() -> None:
    """Write api/*.md."""
    import importlib

    folder = STAGED / "api"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for page, (name, about) in ROOMS.items():
        package = importlib.import_module(name)
        head = f"# {name}\n\n{about}\n\n"
        found = names(package)
        listed = sorted(each for each in found if not each.startswith("__"))
        body = "".join(f"::: {found[each]}.{each}\n    options:\n      heading_level: 2\n\n" for each in listed)
        (folder / f"{page}.md").write_text(head + body, encoding="utf-8")
        rows.append((page, name, about))
    for page, (name, about) in MODULES.items():
        body = f"# {name}\n\n::: {name}\n    options:\n      heading_level: 2\n      show_root_heading: false\n"
        (folder / f"{page}.md").write_text(body, encoding="utf-8")
        rows.append((page, name, about))
    table = "".join(f"| [`{name}`]({page}.md) | {about} |\n" for page, name, about in rows)
    text = (
        "# Reference\n\nFrom the docstrings. Shapes stand beside each array: B samples, C channels, H and W rows and "
        f"columns, T steps of time.\n\n| module | holds |\n|---|---|\n{table}"
    )
    (Path(folder) / "index.md").write_text(text, encoding="utf-8")

"""The page as one HTML text: modules, style, words and cards inside; runtime and graphs inside too, or fetched.

Modules are plain ES modules in `web/`. A page that is opened by a double click may not import files beside it, so
their sources travel as JSON and a short loader imports each from a Blob, those that it needs before it. The page that
the server gives is made in the same way, so that both run the same code.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.playground.networks import Network, network_of
from apps.playground.notices import notices
from apps.playground.runtime import runtime
from cnn_core.errors import UserError

if TYPE_CHECKING:
    from cnn_core.runs import Run

WEB = Path(__file__).with_name("web")
IMPORT = re.compile(r"""^(?:(?:import|export)\s[^'"]*?from|import)\s+['"](\.[^'"]+)['"]""", re.MULTILINE)
ENTRY = "main.js"

TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="color-scheme" content="light dark"><title>{title}</title><style>{style}</style></head>
<body><noscript>This page computes in the browser: it needs JavaScript.</noscript><main id="page"></main>
<script type="application/json" id="data">{data}</script>
<script>{loader}</script></body></html>
"""


def page(run: Run, *, examples: bool | None = None) -> str:
    """The page of one run as one file; the entry point `page` of the suite. Raises UserError as `network_of` does."""
    return single([network_of(run, examples=examples)])


def single(networks: Sequence[Network], title: str = "") -> str:
    """The page as one file that holds everything and opens from a disk: no request leaves it."""
    ort = runtime()
    files = {"api": ort.api.read_bytes(), "glue": ort.glue.read_bytes(), "wasm": ort.wasm.read_bytes()}
    files |= files_of(networks)
    files["notices"] = notices(network.card for network in networks)
    inside = {
        name: {"gzip": base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()} for name, data in files.items()
    }
    return _page(networks, inside, "'none'", title)


def served(networks: Sequence[Network], title: str = "") -> str:
    """The page as the server gives it, which has the other files by their names."""
    names = ["api", "glue", "wasm", "notices", *files_of(networks)]
    inside = {name: {"url": f"/{name}"} for name in names}
    return _page(networks, inside, "'self'", title)


def files_of(networks: Sequence[Network]) -> dict[str, bytes]:
    """Graphs and parts of the networks by their names in the page: graph/0, part/0/NAME."""
    found = {f"graph/{number}": network.graph for number, network in enumerate(networks) if network.graph}
    for number, network in enumerate(networks):
        found |= {f"part/{number}/{name}": data for name, data in network.parts.items()}
    return found


def _page(networks: Sequence[Network], files: Mapping[str, Any], connect: str, title: str) -> str:
    if not networks:
        raise UserError("a page needs at least one network")
    data = {
        "entry": ENTRY,
        "modules": modules(),
        "files": files,
        "networks": [network.card for network in networks],
    }
    loader = (WEB / "loader.js").read_text(encoding="utf-8")
    return TEMPLATE.format(
        policy=policy(loader, connect),
        title=html.escape(title or "Watch a network think"),
        style=(WEB / "style.css").read_text(encoding="utf-8"),
        data=_script_json(data),
        loader=loader,
    )


def policy(loader: str, connect: str) -> str:
    """The page's Content-Security-Policy: one inline script by digest, modules and wasm from Blobs, nothing else.

    `connect` is 'self' where the server gives runtime and graphs, 'none' in the single file.
    """
    digest = base64.b64encode(hashlib.sha256(loader.encode()).digest()).decode()
    sources = {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest}' blob: 'wasm-unsafe-eval'",
        "style-src": "'unsafe-inline'",  # sizes and colours that the page computes
        "img-src": "data: blob:",
        "media-src": "data: blob:",
        "worker-src": "blob:",
        "connect-src": connect,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in sources.items())


@cache
def modules() -> dict[str, str]:
    """Sources of the page's modules by path, each after those that it imports."""
    ordered: dict[str, str] = {}
    _visit(ENTRY, ordered, ())
    return ordered


def _visit(name: str, ordered: dict[str, str], above: tuple[str, ...]) -> None:
    if name in ordered:
        return
    if name in above:
        raise ValueError(f"modules import each other in a circle: {' -> '.join((*above, name))}")
    source = (WEB / name).read_text(encoding="utf-8")
    for other in imports(name, source):
        _visit(other, ordered, (*above, name))
    ordered[name] = source


def imports(name: str, source: str) -> Iterable[str]:
    """Paths, from `web/`, of the modules that module `name` imports."""
    for found in IMPORT.finditer(source):
        yield (WEB / name).parent.joinpath(found[1]).resolve().relative_to(WEB.resolve()).as_posix()


def _script_json(data: Any) -> str:
    """JSON for inside a script element, where `</script` and `<!--` would end or change it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")

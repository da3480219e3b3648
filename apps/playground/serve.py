"""serve: the page of some runs on loopback, until Ctrl-C."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_core.config import positional
from cnn_core.console import note
from cnn_core.errors import UserError, first_line
from cnn_core.networks import pretrained
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser


@dataclass(frozen=True, kw_only=True)
class ServeOptions(Shared):
    """Options of serve."""

    runs: positional(tuple[Path, ...]) = ()  # type: ignore[valid-type]
    """Run folders that train made, or @NAME; the ready-made networks, and the lecture's questions, when left out."""
    port: int = 0
    """Port on 127.0.0.1; 0 takes a free one."""
    browser: bool = True
    """Open the page in the browser."""
    examples: bool = False
    """Show patches of the training pictures even where these are your own; those of published data sets are shown in
    any case."""


parse = parser(ServeOptions, "Serve the page of some trained networks on 127.0.0.1 and open it in the browser.")


def run(app: Any, options: ServeOptions) -> Outcome:
    """Read the runs, serve until Ctrl-C."""
    if not 0 <= options.port <= 65535:
        raise UserError(f"--port must lie between 0 and 65535, not {options.port}")

    from apps.playground import networks
    from apps.playground.server import Server

    ready = [Path(pretrained.MARK + card.name) for card in pretrained.cards() if card.app in networks.DOMAINS]
    chosen = [pretrained.named(folder) for folder in options.runs or ready]
    shown = [networks.network_at(folder, examples=options.examples or None) for folder in chosen]
    if not options.runs:
        from apps.playground.lecture.network import network

        shown.append(network())
    try:
        server = Server(shown, options.port)
    except OSError as error:
        raise UserError(f"port {options.port} on 127.0.0.1 cannot be used: {first_line(error)}") from error
    note(f"the page is at {server.url} until Ctrl-C")
    if options.browser:
        webbrowser.open(server.url)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            note("stopped")
    return Outcome({"url": server.url, "networks": [network.name for network in shown]}, "")

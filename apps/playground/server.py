"""The page on loopback: one GET a file, nothing is written, nothing outside the page's own files is given."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from apps.playground import page
from apps.playground.networks import Network
from apps.playground.notices import notices
from apps.playground.runtime import runtime

HOST = "127.0.0.1"
KINDS = {
    "mjs": "text/javascript",
    "wasm": "application/wasm",
    "html": "text/html; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}


class Server(ThreadingHTTPServer):
    """Serves the page of some networks on loopback. `port` 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, networks: Sequence[Network], port: int = 0):
        ort = runtime()
        self.files: dict[str, tuple[str, bytes]] = {
            "/": (KINDS["html"], page.served(networks).encode()),
            "/api": (KINDS["mjs"], ort.api.read_bytes()),
            "/glue": (KINDS["mjs"], ort.glue.read_bytes()),
            "/wasm": (KINDS["wasm"], ort.wasm.read_bytes()),
            "/notices": (KINDS["text"], notices(network.card for network in networks)),
        }
        self.files |= {f"/{name}": ("application/octet-stream", data) for name, data in page.files_of(networks).items()}
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.server_port}/"

    def hosts(self) -> set[str]:
        """What a browser on this machine sends as Host: anything else is another site that points here (rebinding)."""
        return {f"{name}:{self.server_port}" for name in (HOST, "localhost")}


class _Handler(BaseHTTPRequestHandler):
    server: Server  # type: ignore[assignment]
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "cnn-playground", ""
    timeout = 30  # seconds that a silent connection is kept

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        found = self.server.files.get(self.path.partition("?")[0])
        if self.headers.get("Host", "") not in self.server.hosts():
            self.send_error(HTTPStatus.FORBIDDEN, "only this machine is served")
        elif found is None:
            self.send_error(HTTPStatus.NOT_FOUND, "no such file")
        else:
            kind, data = found
            self.send_response(HTTPStatus.OK)
            for name, value in (
                ("Content-Type", kind),
                ("Content-Length", str(len(data))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cross-Origin-Resource-Policy", "same-origin"),
            ):
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log of a page that one person looks at is noise."""

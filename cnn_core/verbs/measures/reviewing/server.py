"""The page of a review on loopback. Its address holds a secret; decisions come from this page alone and are written
into the list at once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from cnn_core.app import App
from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.verbs.measures.reviewing import changes

if TYPE_CHECKING:
    from cnn_core.training.data import Dataset

HOST = "127.0.0.1"
WEB = Path(__file__).with_name("web")
FILES = {
    "": ("review.html", "text/html; charset=utf-8"),
    "review.mjs": ("review.mjs", "text/javascript; charset=utf-8"),
    "review.css": ("review.css", "text/css; charset=utf-8"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LARGEST = 4096  # bytes of a decision


class Server(ThreadingHTTPServer):
    """Serves the first `count` of the rows on loopback and writes all of them to `out`. `port` 0 takes a free one."""

    daemon_threads = True

    def __init__(
        self, app: App, source: Dataset, rows: Sequence[changes.Row], count: int, out: Path, port: int = 0
    ) -> None:
        self.app, self.source, self.rows, self.count, self.out = app, source, list(rows), count, out
        self.token, self.lock = secrets.token_urlsafe(24), Lock()
        self.medium = lru_cache(maxsize=256)(self._medium)
        super().__init__((HOST, port), _Handler)

    @property
    def origin(self) -> str:
        """What a browser sends as Origin of this page."""
        return f"http://{HOST}:{self.server_port}"

    @property
    def url(self) -> str:
        """The page's address."""
        return f"{self.origin}/{self.token}/"

    def listing(self) -> dict[str, Any]:
        """What the page shows."""
        rows = [asdict(row) for row in self.rows[: self.count]]
        return {"what": self.app.what, "data": self.source.name, "labels": self.source.labels, "rows": rows}

    def _medium(self, sample: int) -> tuple[str, bytes]:
        """(MIME type, content) of a sample: what the app shows it as, or its picture."""
        value = self.source.train.plain().take(slice(sample, sample + 1))[0][0].cpu().numpy()
        with self.lock:  # neither fonts nor figures are made for several threads
            if self.app.medium:
                return self.app.medium(value)
            from cnn_core.drawing import pictures

            return "image/png", pictures.as_png(self.app.render(value))

    def decide(self, given: Any) -> dict[str, Any]:
        """Take one decision {row, decision, to} and write the list. Raises UserError for what is none."""
        if not isinstance(given, dict):
            raise UserError("a decision is an object")
        place, decision, to = given.get("row"), given.get("decision"), given.get("to", "")
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < self.count:
            raise UserError("no such row")
        if decision not in changes.DECISIONS:
            raise UserError("no such decision")
        if decision == "change" and to not in self.source.labels:
            raise UserError("no such label")
        with self.lock:
            row = replace(self.rows[place], decision=decision, to=to if decision == "change" else "")
            rows = [*self.rows[:place], row, *self.rows[place + 1 :]]
            changes.write(self.out, rows)
            self.rows = rows
        return asdict(row)


class _Handler(BaseHTTPRequestHandler):
    server: Server  # type: ignore[assignment]
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "cnn-review", ""
    timeout = 30  # seconds that a silent connection is kept

    def do_GET(self) -> None:
        name = self._name()
        if name is None:
            return
        if name in FILES:
            file, kind = FILES[name]
            self._send(kind, (WEB / file).read_bytes())
        elif name == "list":
            self._send("application/json", json.dumps(self.server.listing()).encode())
        elif name.startswith("sample/") and name[7:].isascii() and name[7:].isdecimal() and len(name) < 16:
            place = int(name[7:])
            if place < self.server.count:
                self._send(*self.server.medium(self.server.rows[place].sample))
            else:
                self._refuse(HTTPStatus.NOT_FOUND, "no such sample")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "no such file")

    def do_POST(self) -> None:
        name = self._name()
        if name is None:
            return
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Origin") != self.server.origin:
            self._refuse(HTTPStatus.FORBIDDEN, "only the page itself decides")
        elif name != "decision" or self.headers.get("Content-Type") != "application/json":
            self._refuse(HTTPStatus.NOT_FOUND, "no such action")
        elif not (length.isascii() and length.isdecimal() and len(length) < 6 and int(length) <= LARGEST):
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large for a decision")
        else:
            try:
                row = self.server.decide(json.loads(self.rfile.read(int(length))))
            except (UserError, ValueError, RecursionError) as error:
                note(f"a decision was not taken: {error}")
                self._refuse(HTTPStatus.BAD_REQUEST, "not taken; the terminal says why")
                return
            self._send("application/json", json.dumps(row).encode())

    def _name(self) -> str | None:
        """The path below the secret; None, and refused, for another host or without the secret."""
        token, _, name = self.path.removeprefix("/").partition("/")
        if self.headers.get("Host", "") != self.server.origin.removeprefix("http://"):
            self._refuse(HTTPStatus.FORBIDDEN, "only this machine is served")
        elif not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that the terminal shows")
        else:
            return name
        return None

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # what is left of a body is not a request
        self._send("text/plain; charset=utf-8", why.encode(), status)

    def _send(self, kind: str, data: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(data))),
            ("Content-Security-Policy", POLICY),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log of a page that one person looks at is noise."""

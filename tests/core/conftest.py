"""A web server of the tests' own, and package settings that the user's do not reach."""

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Web:
    """Pages on 127.0.0.1. `cuts[path]` lists after how many bytes the next answers break off; `log` what was asked."""

    def __init__(self):
        self.pages: dict[str, bytes] = {}
        self.cuts: dict[str, list[int]] = {}
        self.log: list[tuple[str, str]] = []  # (path, Range header)
        self.ranges = True
        self.delay = 0.0  # seconds before the body
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers.get("Range", "")
                web.log.append((self.path, wanted))
                body = web.pages.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and web.ranges else 0
                if start and start >= len(body):
                    self.send_error(416)
                    return
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                time.sleep(web.delay)
                cuts = web.cuts.get(self.path)
                self.wfile.write(body[start : start + cuts.pop(0)] if cuts else body[start:])

            def log_message(self, format, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def asked(self) -> list[str]:
        """The paths asked for since the last call."""
        paths, self.log = [path for path, _ in self.log], []
        return paths

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    server = Web()
    yield server
    server.close()


@pytest.fixture
def pip_env(monkeypatch):
    """No pip settings but those the test makes; without one, no index at all."""
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    # Asking pip takes half a second: one test of its own does so.
    monkeypatch.setattr("cnn_core.fetching.packages._configuration", dict)

    def use(**settings: str):
        monkeypatch.delenv("PIP_NO_INDEX", raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

    return use

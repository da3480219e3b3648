"""Servers that lie, drip or never end: a download stops in time with a few words; a good one still comes through."""

import hashlib
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnn_core.fetching import download as module
from cnn_core.fetching import limits
from cnn_core.fetching.download import SourceError, download
from cnn_core.fetching.limits import LimitError, Meter, within

BODY = bytes(range(256)) * 400
DIGEST = ("sha256", hashlib.sha256(BODY).hexdigest())


class Raw:
    """A server that answers every request with `parts`, waiting `pause` seconds before each."""

    def __init__(self):
        self.parts: list[bytes] = []
        self.endless = b""
        self.pause = 0.0
        self.sent = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/file"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            try:
                connection.recv(65536)
                for part in self.parts:
                    time.sleep(self.pause)
                    connection.sendall(part)
                while self.endless:
                    time.sleep(self.pause)
                    connection.sendall(self.endless)
                    self.sent += len(self.endless)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65536)
            except OSError:
                pass


@pytest.fixture
def server(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr(module.time, "sleep", lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.05)))
    raw = Raw()
    yield raw
    raw.socket.close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "file.bin"


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1")


def test_an_endless_body_stops_at_the_size_of_the_manifest(server, target):
    server.parts, server.endless = [head("Connection: close")], b"x" * 65536
    with pytest.raises(SourceError, match=r"^sends more than the 102,400 bytes that it should have$"):
        download(server.url, target, DIGEST, len(BODY), progress=False)
    assert server.sent < 8 << 20
    assert not list(target.parent.iterdir())


def test_an_endless_body_of_unknown_size_stops_too(server, target, monkeypatch):
    monkeypatch.setattr(limits, "LARGEST", 1 << 20)
    server.parts, server.endless = [head("Connection: close")], b"x" * 65536
    with pytest.raises(SourceError, match=r"^sends more than the 1,048,576 bytes that a file may have$"):
        download(server.url, target, DIGEST, progress=False)


def test_a_length_that_is_not_the_file_s_is_not_begun(server, target):
    server.parts = [head(f"Content-Length: {10**15}"), BODY]
    with pytest.raises(SourceError, match=r"^says that it sends 1,000,000,000,000,000 bytes, not the 102,400"):
        download(server.url, target, DIGEST, len(BODY), progress=False)
    assert not list(target.parent.iterdir())


def test_a_body_that_drips(server, target, monkeypatch):
    monkeypatch.setattr(limits, "WINDOW_SECONDS", 0.3)
    server.parts, server.endless, server.pause = [head(f"Content-Length: {len(BODY)}")], b"x", 0.01
    with pytest.raises(SourceError, match=r"^slower than 4,096 bytes a second$"):
        download(server.url, target, DIGEST, len(BODY), progress=False)
    assert target.with_name("file.bin.part").exists()  # honest ones go on from there


def test_a_head_that_drips(server, target, monkeypatch):
    monkeypatch.setattr(module, "HEAD_SECONDS", 0.3)
    server.parts, server.endless, server.pause = [b"HTTP/1.1 200 OK\r\n"], b"X-A: b\r\n", 0.01
    with pytest.raises(SourceError, match=r"^no answer within 0\.3 seconds$"):
        download(server.url, target, DIGEST, len(BODY), progress=False)


@pytest.mark.parametrize(
    "parts",
    [
        [b""],
        [b"garbage\r\n\r\n"],
        [b"HTTP/1.1 999 What\r\n\r\n"],
        [b"HTTP/1.1 204 No Content\r\n\r\n"],
        [head("X-A: " + "b" * 100_000)],
        [head(*[f"X-{number}: b" for number in range(1000)])],
        [b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n"],
        [b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"],
        [b"HTTP/1.1 302 Found\r\nLocation: http://" + b"a" * 300 + b"/\r\n\r\n"],
        [b"HTTP/1.1 302 Found\r\nLocation: /file\r\n\r\n"],
        [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:99999/\r\n\r\n"],
        [head("Transfer-Encoding: chunked"), b"zz\r\nabc\r\n"],
        [head("Transfer-Encoding: chunked"), b"FFFFFFFFFFFFFFFF\r\nabc"],
        [head("Content-Length: 5"), b"12345"],
        [head("Content-Encoding: gzip", "Content-Length: 5"), b"12345"],
        [b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 7-9/10\r\nContent-Length: 3\r\n\r\nabc"],
        [b"HTTP/1.1 416 No\r\n\r\n"],
    ],
    ids=range(17),
)
@pytest.mark.parametrize("size", [None, len(BODY)])
def test_odd_answers_are_a_few_words(server, target, parts, size):
    server.parts = parts
    with pytest.raises(SourceError) as caught:
        download(server.url, target, DIGEST, size, progress=False)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    assert not target.exists()


@pytest.mark.parametrize("length", ["²", "-1", "1e3", "0x10", "", "5, 5", "9" * 40])
def test_lengths_that_are_no_numbers_are_passed_over(server, target, length):
    server.parts = [head(f"Content-Length: {length}", "Connection: close"), BODY]
    try:
        download(server.url, target, DIGEST, len(BODY), progress=False)
    except SourceError as error:  # where the HTTP library itself refuses the answer
        assert "\n" not in str(error)
    else:
        assert target.read_bytes() == BODY


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_at_all(server, target, raw, after_head):
    server.parts = [head(), raw] if after_head else [raw]
    with pytest.raises(SourceError) as caught:
        download(server.url, target, DIGEST, len(BODY), progress=False)
    assert "\n" not in str(caught.value)
    assert not target.exists()


def test_the_meter_knows_sum_time_and_speed():
    now = [0.0]
    meter = Meter(None, clock=lambda: now[0])
    for _ in range(int(limits.TOTAL_SECONDS / 30)):
        now[0] += 30
        meter.check(30 * limits.SLOWEST)
    now[0] += 1
    with pytest.raises(LimitError, match=r"^not done after 6 hours$"):
        meter.check(1 << 20)
    meter = Meter(10, have=4)
    meter.check(6)
    with pytest.raises(LimitError):
        meter.check(1)


def test_within_gives_what_the_call_gives_or_raises():
    assert within(5, lambda: 3) == 3
    with pytest.raises(KeyError):
        within(5, lambda: {}[1])
    with pytest.raises(TimeoutError):
        within(0.05, lambda: time.sleep(0.3))

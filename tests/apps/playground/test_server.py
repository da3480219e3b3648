"""The server: loopback only, the page's own files only, many requests at once."""

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from apps.playground.__main__ import main
from apps.playground.server import Server


@pytest.fixture(scope="module")
def server(network, browser_runtime):
    with Server([network]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server, path, host=None, method="GET"):
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)) as connection:
        connection.request(method, path, headers={"Host": host or f"127.0.0.1:{server.server_port}"})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_it_listens_on_loopback_alone(server):
    assert server.server_address[0] == "127.0.0.1"


def test_it_gives_the_page_and_its_files(server, network):
    status, headers, body = get(server, "/")
    assert status == 200
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert b"<!doctype html>" in body
    assert get(server, "/graph/0")[2] == network.graph
    assert get(server, "/wasm", method="HEAD")[2] == b""
    assert int(get(server, "/wasm", method="HEAD")[1]["Content-Length"]) > 10**6


@pytest.mark.parametrize(
    "path", ["/../server.py", "/graph/1", "//etc/passwd", "/%2e%2e/runs.py", "/main.js", "/graph/"]
)
def test_no_other_file_is_given(server, path):
    assert get(server, path)[0] == 404


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1:1", "127.0.0.1.example.org", "[::1]"])
def test_another_host_is_refused(server, host):
    assert get(server, "/", host)[0] == 403


def test_nothing_can_be_written(server):
    assert get(server, "/", method="POST")[0] == 501
    assert get(server, "/", method="PUT")[0] == 501


def test_two_hundred_requests_at_once(server, network):
    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(lambda _: get(server, "/graph/0"), range(200)))
    assert {status for status, _, _ in found} == {200}
    assert {body for _, _, body in found} == {network.graph}


def test_the_command_says_what_is_missing(capsys, tmp_path):
    assert main(["@nobody"]) == 2
    assert "no ready-made network has this name" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 2
    assert "not a run folder" in capsys.readouterr().err
    assert main([str(tmp_path), "--port", "70000"]) == 2

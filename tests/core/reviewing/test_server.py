"""The page of a review: who may read and decide, and what is written."""

import http.client
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from apps.digits.app import APP
from cnn_core.training.data import Dataset, Split
from cnn_core.verbs.measures.reviewing import changes
from cnn_core.verbs.measures.reviewing.changes import Row
from cnn_core.verbs.measures.reviewing.server import Server


@pytest.fixture
def server(tmp_path):
    train = Split(torch.arange(12, dtype=torch.uint8).view(3, 2, 2), torch.tensor([0, 1, 0]))
    app = replace(APP, render=np.asarray)
    rows = [Row(n, "0f", "<b>cat", "0.1", "dog", "0.9") for n in (2, 0, 1)]
    source = Dataset("toy", train, train, ("<b>cat", "dog"))
    with Server(app, source, rows, 2, tmp_path / "labels.csv") as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.shutdown()


def ask(server, path, body=None, method="POST", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method if body is not None else "GET", path, body, headers)
    answer = connection.getresponse()
    found = answer.status, answer.getheader("Content-Type"), answer.read()
    connection.close()
    return found


def decide(server, value, **headers):
    given = {"Content-Type": "application/json", "Origin": server.origin} | headers
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return ask(server, f"/{server.token}/decision", body, **given)


def test_reading_needs_the_secret_and_this_host(server):
    for path in ("", "review.mjs", "review.css", "list", "sample/0"):
        assert ask(server, f"/{server.token}/{path}")[0] == 200
        assert ask(server, f"/{path}")[0] == 403
        assert ask(server, f"/{server.token}/{path}", Host="example.org")[0] == 403
    assert ask(server, f"/{server.token}/sample/0")[2].startswith(b"\x89PNG")
    for path in ("sample/2", "sample/-1", "sample/x", "../server.py", "labels.csv"):
        assert ask(server, f"/{server.token}/{path}")[0] == 404


def test_a_decision_is_written_at_once(server):
    assert decide(server, {"row": 0, "decision": "change", "to": "dog"})[0] == 200
    assert decide(server, {"row": 1, "decision": "drop"})[0] == 200
    rows = changes.read(server.out)
    assert [(row.sample, row.decision, row.to) for row in rows] == [(2, "change", "dog"), (0, "drop", ""), (1, "", "")]
    assert decide(server, {"row": 0, "decision": ""})[0] == 200
    assert changes.read(server.out)[0].decision == ""


@pytest.mark.parametrize(
    "value",
    [
        {"row": 2, "decision": "keep"},
        {"row": True, "decision": "keep"},
        {"row": 0, "decision": "burn"},
        {"row": 0, "decision": ["keep"]},
        {"row": 0, "decision": "change", "to": "mouse"},
        {"row": 0, "decision": "change", "to": ["dog"]},
        [],
        b"{",
        b"\xff",
    ],
)
def test_what_is_no_decision_is_refused(server, value):
    assert decide(server, value)[0] == 400
    assert not server.out.exists()


def test_only_the_page_decides(server):
    good = {"row": 0, "decision": "keep"}
    assert decide(server, good, Origin="http://example.org")[0] == 403
    assert decide(server, good, Origin="null")[0] == 403
    assert decide(server, good, **{"Content-Type": "text/plain"})[0] == 404
    body = json.dumps(good).encode()
    path = f"/{server.token}/decision"
    assert ask(server, path, body, Content_Type="application/json")[0] == 403
    assert ask(server, "/decision", body, Content_Type="application/json", Origin=server.origin)[0] == 403
    assert decide(server, b" " * 5000)[0] == 413
    assert not server.out.exists()

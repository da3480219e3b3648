"""mirror: what it copies is what a machine without internet needs, from a folder and over HTTP."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.digits.app import APP as DIGITS
from apps.dream.app import APP as DREAM
from apps.go.app import APP as GO
from apps.speech.app import APP as SPEECH
from cnn_core.cli import run
from cnn_core.fetching import sources
from cnn_core.fetching.manifests import load_manifest
from cnn_core.fetching.sources import fetch


@pytest.fixture
def own(tmp_path):
    """A folder with a manifest of two forms of a data set; only the second can be had."""
    data = b"forty-two" * 1000
    from hashlib import sha256

    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "toy.bin").write_bytes(data)
    text = f"""
title = "Toy"
description = "Toy data."
licence = "CC0"
citation = "none"
homepage = "none"
classes = ["a", "b"]
splits = {{ train = 1, test = 1 }}
[[alternatives]]
reader = "one"
[[alternatives.files]]
name = "gone.bin"
role = "train"
sha256 = "{"0" * 64}"
size = 9
sources = [{{ url = "http://127.0.0.1:9/gone.bin" }}]
[[alternatives]]
reader = "two"
[[alternatives.files]]
name = "toy.bin"
role = "train"
sha256 = "{sha256(data).hexdigest()}"
size = {len(data)}
sources = [{{ url = "{(tmp_path / "files" / "toy.bin").as_uri()}" }}]
"""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "toy.toml").write_text(text, encoding="utf-8")
    return tmp_path / "own"


def mirrored(capsys, app, *args):
    assert run(app, ["mirror", *map(str, args), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, app, *args):
    assert run(app, ["mirror", *map(str, args)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.fixture
def served():
    """served(folder) -> (its address on loopback, the paths asked for)."""
    servers = []

    def serve(folder):
        asked = []

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_):
                asked.append(self.path)

        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        server.daemon_threads = False  # closing waits for the last answer, whose socket is closed then
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", asked

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_served_mirror_is_enough_and_is_asked_before_any_source(own, tmp_path, monkeypatch, capsys, served):
    from dataclasses import replace

    app = replace(DIGITS, manifests=own)
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "teacher"))
    found = mirrored(capsys, app, tmp_path / "mirror", "toy")
    assert found["data_sets"] == [{"name": "toy", "files": 1, "bytes": 9000, "licence": "CC0"}]
    assert [path.name for path in (tmp_path / "mirror").rglob("*") if path.is_file()] == ["toy.bin"]
    (tmp_path / "files" / "toy.bin").unlink()  # the source is out of reach now
    address, asked = served(tmp_path / "mirror")
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "student"))
    monkeypatch.setenv("CNN_SUITE_MIRROR", address)
    monkeypatch.setattr(sources._Search, "_from_source", lambda *_: pytest.fail("a source was asked"))
    got = fetch(load_manifest("toy", own))
    assert got.alternative.reader == "two"
    assert got.role("train").read_bytes() == b"forty-two" * 1000
    assert list(dict.fromkeys(asked)) == ["/toy/gone.bin", "/toy/toy.bin"]


def test_a_damaged_copy_is_made_again_and_a_whole_one_left_alone(own, tmp_path, monkeypatch, capsys):
    from dataclasses import replace

    app = replace(DIGITS, manifests=own)
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))
    mirrored(capsys, app, tmp_path / "mirror", "toy")
    copy = tmp_path / "mirror" / "toy" / "toy.bin"
    before = copy.stat().st_mtime_ns
    mirrored(capsys, app, tmp_path / "mirror", "toy")
    assert copy.stat().st_mtime_ns == before
    copy.write_bytes(b"x")
    mirrored(capsys, app, tmp_path / "mirror", "toy")
    assert copy.stat().st_size == 9000


def test_what_comes_with_the_suite_is_not_copied(tmp_path, capsys):
    assert mirrored(capsys, GO, tmp_path / "mirror")["data_sets"][0]["files"] == 0
    assert not (tmp_path / "mirror").exists()


def test_what_cannot_be_mirrored_is_said_in_one_line(tmp_path, capsys):
    assert "name data sets behind the folder: fsdd" in refused(capsys, SPEECH, tmp_path / "mirror")
    assert "no data set is named 'mnits'; did you mean mnist?" in refused(capsys, DIGITS, tmp_path / "m", "mnits")
    (tmp_path / "file").write_text("x")
    assert "a file is there" in refused(capsys, DREAM, tmp_path / "file")


@pytest.mark.data
@pytest.mark.slow
def test_a_class_trains_from_a_served_mirror(tmp_path, monkeypatch, capsys, served):
    """Digits: mirror, serve, and train elsewhere with no source in reach."""
    from cnn_core.errors import UserError

    try:
        fetch(load_manifest("mnist"))
    except UserError as error:
        pytest.skip(str(error))
    found = mirrored(capsys, DIGITS, tmp_path / "mirror")
    assert [each["name"] for each in found["data_sets"]] == ["mnist"]
    address, asked = served(tmp_path / "mirror")
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "student"))
    monkeypatch.setenv("CNN_SUITE_MIRROR", address)
    monkeypatch.setattr(sources._Search, "_from_source", lambda *_: pytest.fail("a source was asked"))
    assert run(DIGITS, ["prepare"]) == 0
    assert "60000" in capsys.readouterr().out
    assert asked

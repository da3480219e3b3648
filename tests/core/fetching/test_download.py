import errno
import hashlib
from pathlib import Path

import pytest

from cnn_core.errors import UserError
from cnn_core.fetching import download as module
from cnn_core.fetching.download import SourceError, download

BODY = bytes(range(256)) * 4000  # 1,024,000 bytes, several chunks
DIGEST = ("sha256", hashlib.sha256(BODY).hexdigest())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("cnn_core.fetching.download.time.sleep", lambda seconds: None)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "file.bin"


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_whole_file_by_http_and_from_a_folder(web, target, tmp_path):
    web.pages["/file"] = BODY
    download(web.url + "/file", target, DIGEST, progress=False)
    assert target.read_bytes() == BODY
    source = tmp_path / "a folder" / "file"
    source.parent.mkdir()
    source.write_bytes(BODY)
    other = target.with_name("other")
    download(source.as_uri(), other, DIGEST, len(BODY), progress=False)
    assert other.read_bytes() == BODY
    assert left(target) == ["file.bin", "other"]


def test_md5_serves_where_nothing_better_is_known(web, target):
    web.pages["/file"] = BODY
    download(web.url + "/file", target, ("md5", hashlib.md5(BODY).hexdigest()), progress=False)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_cut_connection_is_resumed_where_it_ended(web, target, size):
    web.pages["/file"] = BODY
    web.cuts["/file"] = [300_000, 200_000]
    download(web.url + "/file", target, DIGEST, size, progress=False)
    assert target.read_bytes() == BODY
    assert left(target) == ["file.bin"]
    starts = [asked for _, asked in web.log]
    assert starts == ["", "bytes=300000-", "bytes=500000-"]


def test_a_server_without_ranges_starts_over(web, target):
    web.pages["/file"] = BODY
    web.cuts["/file"] = [300_000]
    web.ranges = False
    download(web.url + "/file", target, DIGEST, progress=False)
    assert target.read_bytes() == BODY
    assert len(web.log) == 2


def test_a_download_that_stays_cut_leaves_a_part_for_the_next_call(web, target):
    web.pages["/file"] = BODY
    web.cuts["/file"] = [100_000] * module.ATTEMPTS
    with pytest.raises(SourceError):
        download(web.url + "/file", target, DIGEST, progress=False)
    assert left(target) == ["file.bin.part"]
    assert target.with_name("file.bin.part").read_bytes() == BODY[: 100_000 * module.ATTEMPTS]
    download(web.url + "/file", target, DIGEST, progress=False)
    assert web.log[-1][1] == f"bytes={100_000 * module.ATTEMPTS}-"
    assert target.read_bytes() == BODY
    assert left(target) == ["file.bin"]


@pytest.mark.parametrize(
    "old", [b"another file's beginning", BODY[:-1] + b"x", BODY + b"longer"], ids=["short", "as long", "longer"]
)
@pytest.mark.parametrize("size", [None, len(BODY)])
def test_a_part_of_another_file_does_not_spoil_the_download(web, target, old, size):
    web.pages["/file"] = BODY
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(old)
    download(web.url + "/file", target, DIGEST, size, progress=False)
    assert target.read_bytes() == BODY
    assert left(target) == ["file.bin"]


def test_a_whole_part_needs_no_second_download(web, target):
    web.pages["/file"] = BODY
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(BODY)
    download(web.url + "/file", target, DIGEST, progress=False)
    assert target.read_bytes() == BODY
    assert [asked for _, asked in web.log] == [f"bytes={len(BODY)}-"]  # answered by status 416, without a body


def test_interrupted_in_the_middle(web, target, monkeypatch):
    web.pages["/file"] = BODY
    whole = module._HttpReply.iter_raw

    def interrupted(self, size=None, /):
        given = 0
        for chunk in whole(self, size):
            yield chunk
            given += len(chunk)
            if given >= len(BODY) // 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(module._HttpReply, "iter_raw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download(web.url + "/file", target, DIGEST, progress=False)
    assert left(target) == ["file.bin.part"]
    assert len(BODY) // 2 <= target.with_name("file.bin.part").stat().st_size < len(BODY)
    monkeypatch.undo()
    download(web.url + "/file", target, DIGEST, progress=False)
    assert target.read_bytes() == BODY


def test_wrong_content_is_thrown_away_and_an_old_file_kept(web, target):
    web.pages["/file"] = b"<html>please log in</html>"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(SourceError, match=r"wrong content \(sha256 [0-9a-f]{12}\.\.\., expected " + DIGEST[1][:12]):
        download(web.url + "/file", target, DIGEST, progress=False)
    assert left(target) == ["file.bin"]
    assert target.read_bytes() == b"old"


def test_sources_that_fail_say_why(web, target, tmp_path):
    with pytest.raises(SourceError, match=r"^HTTP status 404$"):
        download(web.url + "/missing", target, DIGEST, progress=False)
    with pytest.raises(SourceError, match="no such file"):
        download((tmp_path / "missing").as_uri(), target, DIGEST, progress=False)
    dead = web.url + "/file"
    web.close()
    with pytest.raises(SourceError, match=r"(?i)refused"):
        download(dead, target, DIGEST, progress=False)
    with pytest.raises(SourceError):
        download("gopher://127.0.0.1/file", target, DIGEST, progress=False)
    assert left(target) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(web, target, monkeypatch):
    web.pages["/file"] = BODY

    def full(reply, out, *rest):
        out.write(BODY[:1000])
        out.flush()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_copy", full)
    with pytest.raises(UserError) as caught:
        download(web.url + "/file", target, DIGEST, progress=False)
    assert str(target) in str(caught.value)
    assert "no space" in str(caught.value)
    assert "CNN_SUITE_CACHE" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left(target) == []


def test_a_body_marked_as_gzip_is_kept_as_it_was_sent(web, target, monkeypatch):
    import gzip

    body = gzip.compress(b"digits")
    web.pages["/file.gz"] = body
    handler = web.server.RequestHandlerClass
    plain = handler.end_headers

    def marked(self):
        self.send_header("Content-Encoding", "gzip")
        plain(self)

    monkeypatch.setattr(handler, "end_headers", marked)
    download(web.url + "/file.gz", target, ("sha256", hashlib.sha256(body).hexdigest()), progress=False)
    assert target.read_bytes() == body

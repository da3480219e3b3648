"""Direct tests of `download_archive`; the ways by which `sources` finds a package are tested with sources."""

import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from cnn_core.fetching.download import SourceError
from cnn_core.fetching.packages import download_archive, pip_settings

NAMES = {"wheel": "toy_data-1.2-py3-none-any.whl", "sdist": "toy_data-1.2.tar.gz"}


def make(folder: Path, kind: str) -> tuple[str, str]:
    """A tiny archive that would leave a mark if any of it were run: (file name, sha256)."""
    folder.mkdir()
    mark = f"open({str(folder.parent / 'executed')!r}, 'w').close()"
    path = folder / NAMES[kind]
    if kind == "wheel":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("toy_data/__init__.py", mark)
            archive.writestr("toy_data.pth", f"import os; {mark}")
            archive.writestr("toy_data-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-data\nVersion: 1.2\n")
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name in ("setup.py", "toy_data/__init__.py"):
                entry = tarfile.TarInfo(f"toy_data-1.2/{name}")
                entry.size = len(mark)
                archive.addfile(entry, io.BytesIO(mark.encode()))
    return path.name, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("place", ["index", "links"])
def test_an_archive_is_downloaded_and_nothing_of_it_runs(web, tmp_path, pip_env, monkeypatch, kind, place):
    name, sha256 = make(tmp_path / "files", kind)
    if place == "index":
        web.pages["/simple/toy-data/"] = f'<a href="../../f/{name}#sha256={sha256}">{name}</a>'.encode()
        web.pages[f"/f/{name}"] = (tmp_path / "files" / name).read_bytes()
        pip_env(PIP_INDEX_URL=web.url + "/simple")
    else:
        pip_env(PIP_FIND_LINKS=str(tmp_path / "files"), PIP_NO_INDEX="1")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    target = tmp_path / "cache" / name
    download_archive("toy-data", "1.2", name, sha256, target, progress=False)
    assert target.read_bytes() == (tmp_path / "files" / name).read_bytes()
    assert [path.name for path in target.parent.iterdir()] == [name]
    assert not (tmp_path / "executed").exists()
    if place == "index":
        assert web.asked() == ["/simple/toy-data/", f"/f/{name}"]


def test_a_cut_archive_is_resumed(web, tmp_path, pip_env):
    body = bytes(range(256)) * 2000
    web.pages["/simple/toy-data/"] = f'<a href="/{NAMES["sdist"]}">x</a>'.encode()
    web.pages["/" + NAMES["sdist"]] = body
    web.cuts["/" + NAMES["sdist"]] = [400_000]
    pip_env(PIP_INDEX_URL=web.url + "/simple")
    target = tmp_path / "a"
    download_archive("toy-data", "1.2", NAMES["sdist"], hashlib.sha256(body).hexdigest(), target, progress=False)
    assert target.read_bytes() == body
    assert [asked for _, asked in web.log] == ["", "", "bytes=400000-"]


@pytest.mark.parametrize("place", ["index", "links"])
def test_wrong_content_is_refused_and_not_kept(web, tmp_path, pip_env, place):
    name, _ = make(tmp_path / "files", "wheel")
    if place == "index":
        web.pages["/simple/toy-data/"] = f'<a href="/{name}">{name}</a>'.encode()
        web.pages["/" + name] = b"forged"
        pip_env(PIP_INDEX_URL=web.url + "/simple")
    else:
        pip_env(PIP_FIND_LINKS=str(tmp_path / "files"), PIP_NO_INDEX="1")
    target = tmp_path / "cache" / name
    with pytest.raises(SourceError, match="wrong content"):
        download_archive("toy-data", "1.2", name, "0" * 64, target, progress=False)
    assert list(target.parent.iterdir()) == []


def test_no_index_at_all_and_one_that_is_down_say_so(web, tmp_path, pip_env):
    with pytest.raises(SourceError, match=r"no index offers toy-1\.zip"):
        download_archive("toy", "1", "toy-1.zip", "0" * 64, tmp_path / "a", progress=False)
    dead = web.url
    web.close()
    pip_env(PIP_INDEX_URL=dead + "/simple")
    with pytest.raises(SourceError, match=r"127\.0\.0\.1 cannot be reached: .*refused"):
        download_archive("toy", "1", "toy-1.zip", "0" * 64, tmp_path / "a", progress=False)


def test_a_certificate_file_that_is_missing_is_named(tmp_path, pip_env):
    pip_env(PIP_CERT=str(tmp_path / "none.pem"))
    with pytest.raises(SourceError, match=r"none\.pem: No such file") as caught:
        download_archive("toy", "1", "toy-1.zip", "0" * 64, tmp_path / "a", progress=False)
    assert "\n" not in str(caught.value)


def test_a_timeout_that_is_no_number_is_pips_default(pip_env):
    pip_env(PIP_TIMEOUT="soon")
    assert pip_settings().timeout == 15.0

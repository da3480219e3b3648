import errno
import hashlib
import logging
import multiprocessing
import os
import shutil
import tarfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnn_core.errors import UserError
from cnn_core.fetching import sources
from cnn_core.fetching.manifests import Alternative, FileSpec, Manifest, Source, manifest_folder
from cnn_core.fetching.packages import pip_settings
from cnn_core.fetching.sources import available, cache_folder, fetch, load_manifest

ONE, TWO = b"one" * 50_000, b"two" * 700


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def manifest(*alternatives: Alternative) -> Manifest:
    return Manifest("toy", "toy", "Toy data", "", "none", "none", "none", ("0", "1"), {}, alternatives)


def one(*where: Source, data: bytes = ONE, name: str = "one.bin") -> FileSpec:
    return FileSpec(name, sha256=sha(data), size=len(data), role=name[:3], sources=where)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, pip_env):
    for name in ("CNN_SUITE_DATA", "CNN_SUITE_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "toy"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in (".lock", ".verified.json"))


def put(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / f"{name}.bin").write_bytes(data)
    return folder


# Manifests


def test_every_manifest_is_complete():
    assert {"mnist", "fashion-mnist", "kmnist", "emnist", "emnist-letters", "qmnist"} <= set(available())
    for name in available():
        entry = load_manifest(name)
        assert entry.title
        assert entry.licence
        assert entry.citation
        assert entry.homepage.startswith("http")
        assert entry.alternatives
        # Word vectors, backbones and photos have no classes.
        assert len(set(entry.classes)) == len(entry.classes) != 1
        for alternative in entry.alternatives:
            for spec in alternative.files:
                assert len(bytes.fromhex(spec.digest[1])) == (32 if spec.sha256 else 16)  # IMDB publishes an md5 alone
                assert spec.sources
                assert all(len(s.archive_sha256) in (0, 64) for s in spec.sources)


def test_the_bare_name_of_a_data_set_with_variants_is_its_default():
    assert load_manifest("emnist") == load_manifest("emnist-balanced")
    assert len(load_manifest("emnist-byclass").classes) == 62
    assert load_manifest("emnist-letters").options == {"split": "letters", "first_label": 1}
    assert load_manifest("emnist-letters").dataset == "emnist"


@pytest.mark.parametrize("name", ["nmist", "emnist-", "emnist-x", "mnist-x", "", "../mnist"])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(UserError, match=r"fashion-mnist.*qmnist"):
        load_manifest(name)


def test_a_near_miss_is_named():
    with pytest.raises(UserError, match="did you mean mnist"):
        load_manifest("mnsit")


def test_manifests_are_found_in_a_wheel(tmp_path, monkeypatch):
    package = tmp_path / "cnn_core"
    shutil.copytree(manifest_folder(), package / "datasets")
    monkeypatch.setattr("cnn_core.fetching.manifests.resources.files", lambda name: package)
    assert manifest_folder() == package / "datasets"
    assert load_manifest("mnist").classes == tuple("0123456789")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('name = "x"', "needs a sha256"),
        ('name = "../x"\nsha256 = "00"', "plain name"),
        ('name = "x"\nsha256 = "00"\nsources = [{ version = "1" }]', "either a url or a package"),
        ('name = "x"\nsha256 = "00"\nsources = [{ package = "p" }]', "needs version"),
        ('name = "x"\nsha256 = "00"\nsources = [{ url = "u", member = "m" }]', "sha256 of its archive"),
    ],
)
def test_a_wrong_manifest_is_named(tmp_path, monkeypatch, entry, message):
    head = "title='t'\ndescription=''\nlicence='l'\ncitation='c'\nhomepage='h'\nclasses=['a']\nsplits={}\n"
    (tmp_path / "bad.toml").write_text(f'{head}[[alternatives]]\nreader = "r"\n[[alternatives.files]]\n{entry}\n')
    monkeypatch.setattr("cnn_core.fetching.manifests.manifest_folder", lambda: tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        load_manifest("bad")
    assert "bad.toml: not a manifest" in str(caught.value)


# Order of the places


def test_each_place_is_used_only_where_the_nearer_ones_have_nothing(web, tmp_path, monkeypatch, cache):
    web.pages["/one"] = ONE
    data = manifest(Alternative("r", (one(Source(url=web.url + "/one")),)))
    mine = put(tmp_path / "mine", one=ONE)
    root = put(tmp_path / "root" / "toy", one=ONE).parent
    mirror = put(tmp_path / "mirror" / "toy", one=ONE).parent
    monkeypatch.setenv("CNN_SUITE_DATA", str(root))
    monkeypatch.setenv("CNN_SUITE_MIRROR", str(mirror))
    assert fetch(data, mine).files["one.bin"] == mine / "one.bin"
    assert fetch(data).files["one.bin"] == root / "toy" / "one.bin"
    assert not cache.exists() or left(cache) == []
    monkeypatch.delenv("CNN_SUITE_DATA")
    assert fetch(data).files["one.bin"] == cache / "one.bin"
    (mirror / "toy" / "one.bin").unlink()
    assert fetch(data).files["one.bin"].read_bytes() == ONE  # from the cache
    assert web.asked() == []
    (cache / "one.bin").unlink()
    assert fetch(data, progress=False).files["one.bin"].read_bytes() == ONE
    assert web.asked() == ["/one"]


@pytest.mark.parametrize("place", ["argument", "variable", "cache", "mirror"])
def test_local_places_serve_a_later_form_before_the_network_an_earlier(web, tmp_path, monkeypatch, cache, place):
    web.pages["/one"] = ONE
    first = Alternative("first", (one(Source(url=web.url + "/one")),))
    second = Alternative("second", (one(data=TWO, name="two.bin"),))
    folder = cache if place == "cache" else tmp_path / "place" / "toy"
    put(folder, two=TWO)
    if place in ("variable", "mirror"):
        variable = "CNN_SUITE_DATA" if place == "variable" else "CNN_SUITE_MIRROR"
        monkeypatch.setenv(variable, str(folder.parent))
    found = fetch(manifest(first, second), folder if place == "argument" else None, progress=False)
    assert found.alternative.reader == "second"
    assert found.role("two").read_bytes() == TWO
    assert web.asked() == []


def test_files_may_come_from_several_places(web, tmp_path, cache):
    web.pages["/two"] = TWO
    data = manifest(Alternative("r", (one(), one(Source(url=web.url + "/two"), data=TWO, name="two.bin"))))
    mine = put(tmp_path / "mine", one=ONE)
    assert fetch(data, mine, progress=False).files == {"one.bin": mine / "one.bin", "two.bin": cache / "two.bin"}


@pytest.mark.parametrize("way", ["http", "file", "folder"])
def test_a_mirror_by_address_or_folder(web, tmp_path, monkeypatch, cache, way):
    web.pages["/m/toy/one.bin"] = web.pages["/one"] = ONE
    mirror = put(tmp_path / "a mirror" / "toy", one=ONE).parent
    names = {"http": web.url + "/m/", "file": mirror.as_uri(), "folder": str(mirror)}
    monkeypatch.setenv("CNN_SUITE_MIRROR", names[way])
    fetch(manifest(Alternative("r", (one(Source(url=web.url + "/one")),))), progress=False)
    assert (cache / "one.bin").read_bytes() == ONE
    assert web.asked() == (["/m/toy/one.bin"] if way == "http" else [])


def test_a_source_that_fails_moves_on_to_the_next(web, monkeypatch, cache):
    web.pages["/bad"], web.pages["/good"] = b"<html>log in</html>", ONE
    monkeypatch.setenv("CNN_SUITE_MIRROR", web.url + "/mirror")
    where = [Source(url=f"{web.url}/{name}") for name in ("missing", "bad", "good")]
    fetch(manifest(Alternative("r", (one(*where),))), progress=False)
    assert web.asked() == ["/mirror/toy/one.bin", "/missing", "/bad", "/good"]
    assert left(cache) == ["one.bin"]


def test_a_form_that_fails_moves_on_to_the_next_without_fetching_the_rest(web, cache):
    web.pages["/two"] = TWO
    first = (one(Source(url=web.url + "/missing")), one(Source(url=web.url + "/two"), data=TWO, name="two.bin"))
    second = (one(Source(url=web.url + "/two"), data=TWO, name="2.bin"),)
    assert fetch(manifest(Alternative("a", first), Alternative("b", second))).alternative.reader == "b"
    assert web.asked() == ["/missing", "/two"]
    assert left(cache) == ["2.bin"]


# Checking


def test_a_second_call_reads_nothing(web, tmp_path, monkeypatch):
    web.pages["/one"] = ONE
    data = manifest(Alternative("r", (one(Source(url=web.url + "/one")),)))
    mine = put(tmp_path / "mine", one=ONE)
    fetch(data, progress=False)
    fetch(data, mine)
    monkeypatch.setattr("cnn_core.fetching.stamps.digest_of", lambda *_: pytest.fail("read again"))
    fetch(data)
    fetch(data, mine)
    assert web.asked() == ["/one"]


def test_a_file_that_is_shipped_is_used_where_it_lies(tmp_path, monkeypatch, cache):
    monkeypatch.setattr("cnn_core.fetching.manifests.manifest_folder", lambda: tmp_path / "datasets")
    put(tmp_path / "datasets", one=ONE)
    data = manifest(Alternative("r", (one(Source(shipped=True)),)))
    assert fetch(data).files == {"one.bin": tmp_path / "datasets" / "one.bin"}
    assert left(cache) == []
    (tmp_path / "datasets" / "one.bin").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"one\.bin: damaged; install the package anew"):
        fetch(data)


def test_a_wrong_file_in_the_users_folder_is_named_with_both_digests(tmp_path):
    mine = put(tmp_path / "mine", one=b"other")
    with pytest.raises(UserError) as caught:
        fetch(manifest(Alternative("r", (one(),))), mine)
    assert all(text in str(caught.value) for text in (str(mine / "one.bin"), sha(b"other"), sha(ONE)))
    assert "\n" not in str(caught.value)
    assert (mine / "one.bin").read_bytes() == b"other"


def test_a_damaged_file_in_the_cache_is_fetched_again_and_said_once(web, cache, capsys):
    web.pages["/one"] = ONE
    put(cache, one=ONE[:-1] + b"x")
    fetch(manifest(Alternative("r", (one(Source(url=web.url + "/one")),))), progress=False)
    assert (cache / "one.bin").read_bytes() == ONE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"{cache / 'one.bin'}: damaged, fetched again\n"


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_a_folder_that_does_not_exist_is_named(tmp_path, monkeypatch, how):
    monkeypatch.setenv("CNN_SUITE_DATA", str(tmp_path / "nowhere") if how == "variable" else "")
    with pytest.raises(UserError, match="nowhere"):
        fetch(manifest(Alternative("r", (one(),))), tmp_path / "nowhere" if how == "argument" else None)


# Failing


def test_no_network_is_one_quick_line_that_says_what_to_do(web, monkeypatch, cache, pip_env):
    dead = web.url
    web.close()
    pip_env(PIP_INDEX_URL=dead + "/simple/")
    monkeypatch.setenv("CNN_SUITE_MIRROR", dead)
    package = Source(package="toy", version="1", archive="toy-1.zip", archive_sha256="0" * 64, member="one.bin")
    data = manifest(
        Alternative("a", (one(package),)),
        Alternative("b", (one(Source(url=dead + "/x"), data=TWO, name="two.bin"),)),
    )
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        fetch(data, progress=False)
    assert time.monotonic() - start < 8
    text = str(caught.value)
    assert "\n" not in text
    for part in ("package toy 1", dead + "/x", "CNN_SUITE_MIRROR", "one.bin or two.bin", str(cache)):
        assert part in text
    assert text.lower().count("refused") >= 3
    assert left(cache) == []


def test_a_download_that_breaks_off_leaves_a_part_that_the_next_call_completes(web, cache):
    web.pages["/one"] = ONE
    web.cuts["/one"] = [20_000] * 3
    data = manifest(Alternative("r", (one(Source(url=web.url + "/one")),)))
    with pytest.raises(UserError, match="CNN_SUITE_MIRROR"):
        fetch(data, progress=False)
    assert left(cache) == ["one.bin.part"]
    assert (cache / "one.bin.part").stat().st_size < len(ONE)
    fetch(data, progress=False)
    assert web.log[-1] == ("/one", "bytes=60000-")
    assert left(cache) == ["one.bin"]


def test_no_space_for_a_member_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, web, cache):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/one.bin", ONE)
    web.pages["/a.zip"] = (tmp_path / "a.zip").read_bytes()
    source = Source(url=web.url + "/a.zip", archive_sha256=sha(web.pages["/a.zip"]), member="in/one.bin")

    def full(stream, out, *rest):
        out.write(ONE[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sources.shutil, "copyfileobj", full)
    with pytest.raises(UserError, match=r"one\.bin: No space left") as caught:
        fetch(manifest(Alternative("r", (one(source),))), progress=False)
    assert "\n" not in str(caught.value)
    assert left(cache) == []


def test_a_cache_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"cannot write .*file.*CNN_SUITE_CACHE"):
        fetch(manifest(Alternative("r", (one(),))))


def test_the_cache_follows_its_variable_and_the_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "c"))
    assert cache_folder() == tmp_path / "c"
    monkeypatch.delenv("CNN_SUITE_CACHE")
    assert cache_folder().name == "cnn-suite" or "cnn-suite" in cache_folder().parts


# Archives and packages


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_all_members_wanted_come_from_one_download_and_the_archive_goes(web, tmp_path, cache, kind):
    path = tmp_path / f"a.{kind}"
    put(tmp_path / "in", one=ONE, two=TWO)
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("one.bin", "two.bin"):
                archive.write(tmp_path / "in" / name, f"in/{name}")
    else:
        with tarfile.open(path, "w:gz") as archive:
            archive.add(tmp_path / "in", "in")
    web.pages["/a"] = path.read_bytes()
    place = {"url": web.url + "/a", "archive_sha256": sha(web.pages["/a"])}
    files = (
        one(Source(**place, member="in/one.bin")),
        one(Source(**place, member="in/two.bin"), data=TWO, name="two.bin"),
    )
    found = fetch(manifest(Alternative("r", files)), progress=False)
    assert [found.role(name).read_bytes() for name in ("one", "two")] == [ONE, TWO]
    assert left(cache) == ["one.bin", "two.bin"]
    assert web.asked() == ["/a"]


@pytest.mark.parametrize("wrong", ["archive", "member", "content"])
def test_a_wrong_archive_leaves_nothing(web, tmp_path, cache, wrong):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/one.bin", ONE if wrong != "content" else TWO)
    web.pages["/a.zip"] = (tmp_path / "a.zip").read_bytes()
    digest = sha(b"x" if wrong == "archive" else web.pages["/a.zip"])
    member = "in/one.bin" if wrong != "member" else "in/1.bin"
    source = Source(url=web.url + "/a.zip", archive_sha256=digest, member=member)
    with pytest.raises(
        UserError, match={"archive": "wrong content", "member": "no member", "content": "sha256"}[wrong]
    ):
        fetch(manifest(Alternative("r", (one(source),))), progress=False)
    assert left(cache) == []


def _package(folder: Path, kind: str) -> Source:
    """An archive that would do harm if it were installed or built, with the data inside."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "wheel":  # of a platform that nobody has
        path = folder / "toy_data-1.2-cp27-cp27m-plan9_vax.whl"
        member = "toy/one.bin"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, ONE)
    else:
        path, member = folder / "toy_data-1.2.tar.gz", "toy_data-1.2/one.bin"
        inner = put(folder.parent / "sdist", one=ONE)
        (inner / "setup.py").write_text("raise SystemExit('executed')")
        with tarfile.open(path, "w:gz") as archive:
            archive.add(inner, "toy_data-1.2")
    digest = sha(path.read_bytes())
    return Source(package="toy-data", version="1.2", archive=path.name, archive_sha256=digest, member=member)


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
@pytest.mark.parametrize("place", ["index", "extra", "find-links", "local index", "page"])
def test_a_package_archive_is_found_where_pip_would_look(web, tmp_path, cache, pip_env, kind, place, caplog, capfd):
    source = _package(tmp_path / "files", kind)
    body = (tmp_path / "files" / source.archive).read_bytes()
    page = f'<a href="other-1.2.tar.gz">x</a><a href="/files/{source.archive}" data-requires-python="==2.7.*">x</a>'
    web.pages[f"/files/{source.archive}"] = body
    nowhere = str(tmp_path / "nowhere")
    if place == "find-links":
        pip_env(PIP_FIND_LINKS=f"{nowhere} {tmp_path / 'files'}", PIP_NO_INDEX="1")
    elif place == "page":
        web.pages["/list/"] = page.encode()
        pip_env(PIP_FIND_LINKS=web.url + "/list/", PIP_NO_INDEX="1")
    elif place == "local index":
        folder = tmp_path / "index" / "toy-data"
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(f'<a href="{(tmp_path / "files").as_uri()}/{source.archive}">x</a>')
        pip_env(PIP_INDEX_URL=folder.parent.as_uri(), PIP_FIND_LINKS=nowhere)
    else:
        web.pages["/simple/toy-data/"] = page.encode()
        empty = f"{web.url}/empty/"
        pair = (f"{web.url}/simple/", empty) if place == "index" else (empty, f"file://{nowhere} {web.url}/simple/")
        pip_env(PIP_INDEX_URL=pair[0], PIP_EXTRA_INDEX_URL=pair[1], PIP_FIND_LINKS=nowhere)
    with caplog.at_level(logging.WARNING):
        fetch(manifest(Alternative("r", (one(source),))), progress=False)
    assert (cache / "one.bin").read_bytes() == ONE
    assert left(cache) == ["one.bin"]
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_a_package_of_another_version_or_content_is_not_taken(web, tmp_path, cache, pip_env):
    source = _package(tmp_path / "files", "sdist")
    web.pages["/simple/toy-data/"] = b'<a href="/toy_data-1.2.tar.gz">x</a><a href="/toy_data-1.3.tar.gz">x</a>'
    web.pages["/toy_data-1.2.tar.gz"] = b"forged"
    pip_env(PIP_INDEX_URL=f"{web.url}/simple/")
    with pytest.raises(UserError, match=r"toy-data 1\.2: toy_data-1\.2\.tar\.gz: wrong content"):
        fetch(manifest(Alternative("r", (one(source),))), progress=False)
    absent = Source(**{**vars(source), "version": "1.4", "archive": "toy_data-1.4.tar.gz"})
    with pytest.raises(UserError, match=r"no index offers toy_data-1\.4\.tar\.gz"):
        fetch(manifest(Alternative("r", (one(absent),))), progress=False)
    assert left(cache) == []


def test_a_dead_index_does_not_hide_the_next(web, tmp_path, cache, pip_env):
    source = _package(tmp_path / "files", "wheel")
    web.pages["/simple/toy-data/"] = f'<a href="/{source.archive}">x</a>'.encode()
    web.pages[f"/{source.archive}"] = (tmp_path / "files" / source.archive).read_bytes()
    pip_env(PIP_INDEX_URL="http://127.0.0.1:9/simple/", PIP_EXTRA_INDEX_URL=f"{web.url}/simple/")
    fetch(manifest(Alternative("r", (one(source),))), progress=False)
    assert left(cache) == ["one.bin"]


@pytest.mark.slow
def test_pip_settings_come_from_its_files_and_then_its_variables(tmp_path, monkeypatch):
    monkeypatch.undo()  # the real configuration reader
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://one.example/simple\ntrusted-host = a.example\n    b.example\ntimeout = 7\n"
        "proxy = proxy.example:8080\n[install]\nextra-index-url =\n    https://two.example/s\n    https://three.example/s\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_TIMEOUT", "9")
    monkeypatch.setenv("PIP_CERT", "bundle.pem")
    found = pip_settings()
    assert found.indexes[0] == "https://one.example/simple"
    assert {"https://two.example/s", "https://three.example/s"} <= set(found.indexes)
    assert found.trusted_hosts == ("a.example", "b.example")
    assert (found.timeout, found.proxy, found.cert) == (9.0, "proxy.example:8080", "bundle.pem")
    assert not found.default_index
    monkeypatch.setenv("PIP_NO_INDEX", "true")
    assert (pip_settings().indexes, pip_settings().default_index) == ((), False)


def test_without_pip_its_variables_still_count(monkeypatch, pip_env):
    monkeypatch.undo()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("cnn_core.fetching.packages.sys.executable", "/nonexistent/python")
    assert pip_settings().default_index
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://x.example/s")
    assert pip_settings().indexes == ("https://x.example/s",)
    assert pip_settings().default_index


# Two threads and two processes


def test_two_threads_fetch_a_file_once(web, cache):
    web.pages["/one"] = ONE
    web.delay = 0.2
    data = manifest(Alternative("r", (one(Source(url=web.url + "/one")),)))
    with ThreadPoolExecutor(2) as pool:
        found = [job.result() for job in [pool.submit(fetch, data, None, False) for _ in range(2)]]
    assert [each.files["one.bin"].read_bytes() for each in found] == [ONE] * 2
    assert web.asked() == ["/one"]
    assert left(cache) == ["one.bin"]


def _fetch_in_process(data: Manifest, results) -> None:
    results.put(sha(fetch(data, progress=False).files["one.bin"].read_bytes()))


def test_two_processes_fetch_a_file_once(web, cache):
    web.pages["/one"] = ONE
    web.delay = 0.5
    data = manifest(Alternative("r", (one(Source(url=web.url + "/one")),)))
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_fetch_in_process, args=(data, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [results.get(timeout=30) for _ in workers] == [sha(ONE)] * 2
    for worker in workers:
        worker.join()
    assert web.asked() == ["/one"]
    assert left(cache) == ["one.bin"]

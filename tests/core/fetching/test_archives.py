import bz2
import errno
import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.errors import UserError
from cnn_core.fetching.archives import extract_all, open_member, read_members, safe_target

FOLDER = Path("/somewhere/data").resolve()
PARTS = st.lists(st.sampled_from(["a", "..", ".", "", "b.txt", "..c", "C:", "\0", "\\", "..\\x"]), max_size=5)


@given(st.one_of(st.text(), PARTS.map("/".join), PARTS.map("\\".join)))
def test_no_name_leads_outside_the_folder(name):
    try:
        target = safe_target(FOLDER, name)
    except UserError:
        return
    normal = Path(os.path.normpath(target))
    assert FOLDER in normal.parents
    assert ":" not in name


@pytest.mark.parametrize("name", ["a", "a/b.gz", "./a", "a//b", "..c/d..", "a b/ü"])
def test_plain_names_are_kept(name):
    assert safe_target(FOLDER, name) == FOLDER.joinpath(*(part for part in name.split("/") if part not in ("", ".")))


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "..\\x", "\\x", "C:\\x", "C:x", "", "/", ".", "a\0b"])
def test_unsafe_names_are_refused(name):
    with pytest.raises(UserError, match="refused"):
        safe_target(FOLDER, name)


def _zip(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _tar(path, entries, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for entry, data in entries:
            archive.addfile(entry, io.BytesIO(data) if data is not None else None)
    return path


def _regular(name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    return entry, data


def _link(name, to, kind=tarfile.SYMTYPE):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, to
    return entry, None


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_members_of_tars_are_read(tmp_path, mode):
    path = _tar(tmp_path / "a.tar", [_regular("d/x", b"hello" * 1000)], mode)
    with open_member(path, "d/x") as stream:
        assert stream.read() == b"hello" * 1000


def test_extract_all_gives_what_is_inside(tmp_path):
    path = _zip(tmp_path / "a.zip", {"x.txt": b"1", "d/y.txt": b"22"})
    written = extract_all(path, tmp_path / "out")
    assert {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in written} == {
        "x.txt": b"1",
        "d/y.txt": b"22",
    }


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "d/../../evil"])  # hostile members; no such file is opened
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_one_unsafe_member_stops_the_whole_archive(tmp_path, name, kind):
    if kind == "zip":
        path = _zip(tmp_path / "a", {"good": b"1", name: b"2"})
    else:
        path = _tar(tmp_path / "a", [_regular("good", b"1"), _regular(name, b"2")])
    with pytest.raises(UserError, match="refused"):
        extract_all(path, tmp_path / "sub" / "out")
    assert [p.name for p in tmp_path.rglob("*")] == ["a"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tars_are_refused(tmp_path, kind):
    path = _tar(tmp_path / "a.tar.gz", [_link("x", "/etc/passwd", kind)])
    with pytest.raises(UserError, match="not a regular file"):
        extract_all(path, tmp_path / "out")
    with pytest.raises(UserError, match="not a regular file"), open_member(path, "x"):
        pass


def test_links_in_zips_are_refused(tmp_path):
    info = zipfile.ZipInfo("x")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UserError, match="not a regular file"):
        extract_all(tmp_path / "a.zip", tmp_path / "out")


def test_a_link_that_lay_in_the_folder_is_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "d").symlink_to(tmp_path / "outside")
    path = _zip(tmp_path / "a.zip", {"d/x": b"1"})
    with pytest.raises(UserError, match="outside"):
        extract_all(path, tmp_path / "out")
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("cut", [10, 100, 300])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_cut_archive_is_named(tmp_path, cut, kind):
    data = os.urandom(400)
    path = tmp_path / "a"
    _ = _zip(path, {"x": data}) if kind == "zip" else _tar(path, [_regular("x", data)])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match=str(path)), open_member(path, "x") as stream:
        stream.read()


def test_a_flipped_byte_in_a_zip_is_found(tmp_path):
    path = _zip(tmp_path / "a.zip", {"x": b"A" * 100})
    path.write_bytes(path.read_bytes().replace(b"AAAA", b"AAAB", 1))
    with pytest.raises(UserError, match=r"a\.zip"), open_member(path, "x") as stream:
        stream.read()


def test_a_missing_member_is_named(tmp_path):
    path = _zip(tmp_path / "a.zip", {"x": b"1"})
    with pytest.raises(UserError, match="no member named 'y'"), open_member(path, "y"):
        pass


@pytest.mark.parametrize("kind", ["zip", "w:bz2", "w:xz"])  # a gzip's checksum lies beyond what a tar reader reads
def test_damage_in_the_middle_is_a_user_error(tmp_path, kind):
    data = os.urandom(100_000)
    path = tmp_path / "a"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x", data)
    else:
        _tar(path, [_regular("x", data)], kind)
    raw = path.read_bytes()
    path.write_bytes(raw[:1000] + bytes(255 - byte for byte in raw[1000:1060]) + raw[1060:])
    with pytest.raises(UserError, match="a: not a whole zip or tar"), open_member(path, "x") as stream:
        stream.read()
    with pytest.raises(UserError, match="a: not a whole zip or tar"):
        extract_all(path, tmp_path / "out")


def test_an_error_of_the_callers_inside_the_block_stays_its_own(tmp_path):
    path = _zip(tmp_path / "a.zip", {"x": b"1"})
    with pytest.raises(OSError, match="No space") as caught, open_member(path, "x"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes])
def test_what_is_no_archive_is_named(tmp_path, pack):
    path = tmp_path / "file"
    path.write_bytes(pack(b"text" * 1000))
    with pytest.raises(UserError, match="file: not a whole zip or tar archive"), open_member(path, "x"):
        pass
    with pytest.raises(UserError, match="file: not a whole zip or tar archive"):
        extract_all(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_what_cannot_be_extracted_is_named(tmp_path, kind):
    members = {"a": b"1", "a/b": b"2"}  # a file that is a folder too
    if kind == "zip":
        path = _zip(tmp_path / "archive", members)
    else:
        path = _tar(tmp_path / "archive", [_regular(name, data) for name, data in members.items()])
    with pytest.raises(UserError, match=r"archive: cannot be extracted to .*out"):
        extract_all(path, tmp_path / "out")
    with pytest.raises(UserError, match=r"missing: cannot be extracted .*No such file"):
        extract_all(tmp_path / "missing", tmp_path / "out")


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path):
    (tmp_path / "outside").write_text("untouched")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").symlink_to(tmp_path / "outside")
    extract_all(_zip(tmp_path / "a.zip", {"x": b"new"}), tmp_path / "out")
    assert (tmp_path / "outside").read_text() == "untouched"
    assert (tmp_path / "out" / "x").read_bytes() == b"new"
    assert not (tmp_path / "out" / "x").is_symlink()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_are_read_one_after_the_other(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/", "")
            for name, data in (("folder/a", b"1"), ("../b", b"22"), ("c", b"x" * 100)):
                archive.writestr(name, data)
    else:
        _tar(
            path,
            [_regular("folder/a", b"1"), _link("l", "/etc/passwd"), _regular("../b", b"22"), _regular("c", b"x" * 100)],
        )
    before = sorted(tmp_path.rglob("*"))
    assert list(read_members(path, 99)) == [("folder/a", b"1"), ("../b", b"22"), ("c", None)]
    assert sorted(tmp_path.rglob("*")) == before
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=f"x.{kind}: not a whole"):
        list(read_members(path, 99))

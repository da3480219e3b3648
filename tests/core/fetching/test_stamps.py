"""Which files are believed without being read, and what is found when they are."""

import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnn_core.fetching import decoded, stamps
from cnn_core.fetching.stamps import DAYS, Stamps, intact, seal, verifying
from cnn_core.files import digest_of

DAY = 86_400


def flipped(path) -> None:
    """One bit changed, size and time as before: what a failing disk does."""
    status, raw = path.stat(), bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    return path


def test_a_file_is_read_once_and_again_when_it_changes(file, monkeypatch):
    read = []
    monkeypatch.setattr(stamps, "digest_of", lambda path, kind: read.append(path) or digest_of(path, kind))
    kept = Stamps(file.parent)
    assert kept.digest(file) == kept.digest(file) == digest_of(file)
    assert len(read) == 1
    assert kept.digest(file, "md5") == digest_of(file, "md5")
    file.write_bytes(b"abd")
    os.utime(file, ns=(1, 1))
    assert kept.digest(file) == digest_of(file)
    assert len(read) == 3


@pytest.mark.parametrize(("days", "again"), [(0, False), (DAYS - 0.1, False), (DAYS + 0.1, True), (-1, True)])
def test_after_some_days_a_file_is_read_again(file, monkeypatch, days, again):
    kept = Stamps(file.parent)
    before = kept.digest(file)
    flipped(file)
    now = stamps.time.time()
    monkeypatch.setattr(stamps.time, "time", lambda: now + days * DAY)
    assert (kept.digest(file) != before) is again


def test_a_flipped_bit_is_found_when_asked(file):
    seal(file)
    assert intact(file)
    flipped(file)
    assert intact(file)  # believed by size and time
    with verifying() as read:
        assert intact(file) is False
        assert intact(file) is False
    assert read == {file: 3}
    assert intact(file) is False  # and not forgotten


def test_no_file_and_no_seal(tmp_path, file):
    assert intact(tmp_path / "none") is None
    assert intact(file) is None


def test_damaged_arrays_are_said_and_not_used(tmp_path, capsys):
    path = tmp_path / "a.safetensors"
    decoded.save(path, {"x": np.arange(100)})
    flipped(path)
    with verifying():
        assert decoded.load(path) is None
    assert capsys.readouterr().err.count("damaged, made again") == 1
    decoded.save(path, {"x": np.arange(100)})
    found = decoded.load(path)
    assert found is not None
    assert found["x"].tolist() == list(range(100))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode()), VALUES, st.booleans())
def test_a_damaged_list_is_ignored(file, raw, value, entry):
    kept = Stamps(file.parent)
    kept.path.write_bytes(json.dumps({str(file.resolve()): value}).encode() if entry else raw)
    assert kept.digest(file) == digest_of(file)
    assert json.loads(kept.path.read_text())[str(file.resolve())][3] == digest_of(file)


def test_a_link_in_the_place_of_the_list_is_not_followed(file, tmp_path):
    kept = Stamps(file.parent)
    other = tmp_path / "precious"
    other.write_text("{}")
    kept.path.symlink_to(other)
    assert kept.digest(file) == digest_of(file)
    assert other.read_text() == "{}"

"""Arrays in mapped files: the same rows as in memory, written whole or not at all, never used when damaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.errors import UserError
from cnn_core.fetching import decoded, mapped
from cnn_core.fetching.mapped import Growing, Mapped, blocks_of, joined, rows_of
from cnn_core.fetching.stamps import verifying

KINDS = (np.uint8, np.int16, np.uint16, np.int32, np.float32)


@pytest.fixture
def small(monkeypatch):
    """600 bytes of memory, files of 300."""
    monkeypatch.setenv(mapped.VARIABLE, "600")
    monkeypatch.setattr(mapped, "SHARD", 300)


def numbers(count: int, kind=np.int16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (count, 5)).astype(kind)


def grown(path, values: np.ndarray, block: int = 7, **given_) -> Mapped | np.ndarray:
    rows = decoded.growing(path, "values", **given_)
    for start in range(0, len(values), block):
        rows.add(values[start : start + block])
    return rows.array()


@pytest.mark.parametrize("large", [1, mapped.LARGE_ROW])
@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4), data=st.data())
def test_rows_equal_those_of_an_array(large, sizes, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped, "LARGE_ROW", large)  # both ways of gathering
        check_rows(sizes, data)


def check_rows(sizes, data):
    parts = tuple(numbers(size, seed=number) for number, size in enumerate(sizes))
    whole, found = np.concatenate(parts), Mapped(parts)
    if data.draw(st.booleans()):
        chosen = np.array(data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=40)))
        whole, found = whole[chosen], found.rows(chosen)
    place = st.integers(-len(whole), len(whole) - 1)
    index = np.array(data.draw(st.lists(place, max_size=20)), np.int64)
    np.testing.assert_array_equal(found[index], whole[index])
    np.testing.assert_array_equal(found.rows(index % len(whole)).array(), whole[index])
    part = slice(
        data.draw(st.none() | place), data.draw(st.none() | place), data.draw(st.sampled_from([None, 1, 2, 3]))
    )
    np.testing.assert_array_equal(found[part], whole[part])
    mask = np.arange(len(whole)) % 3 == 0
    np.testing.assert_array_equal(found[mask], whole[mask])
    np.testing.assert_array_equal(rows_of(found, mask).array(), whole[mask])
    np.testing.assert_array_equal(found[-1], whole[-1])
    np.testing.assert_array_equal(np.concatenate([*blocks_of(found, 4)]), whole)
    np.testing.assert_array_equal(np.asarray(joined(whole, found, found)), np.concatenate([whole, whole, whole]))
    assert (found.shape, found.dtype, found.row_bytes) == (whole.shape, whole.dtype, 10)
    with pytest.raises(IndexError):
        found[len(whole)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_too_much_is_written_in_files_that_numpy_reads(tmp_path, small, kind):
    values = numbers(300, kind)
    found = grown(tmp_path / "a.safetensors", values)
    assert isinstance(found, Mapped)
    assert len(found.parts) > 2
    files = sorted((tmp_path / "a.shards").glob("*.npy"))
    np.testing.assert_array_equal(np.concatenate([np.load(file) for file in files]), values)
    np.testing.assert_array_equal(found.array(), values)
    found.parts[0][0] = 77  # in this process alone
    assert np.load(files[0])[0, 0] == values[0, 0]
    assert isinstance(grown(tmp_path / "b.safetensors", values[:5]), np.ndarray)
    assert not (tmp_path / "b.shards").exists()
    assert isinstance(Growing(None, "").folder, type(None))


def test_what_is_expected_to_be_too_much_is_not_gathered_first(tmp_path, small):
    rows = decoded.growing(tmp_path / "a.safetensors", "values", 10_000)
    for block in np.split(numbers(60), 2):  # 300 bytes each
        rows.add(block)
    rows.add(numbers(1))
    assert (tmp_path / "a.shards" / "values-00000.npy").exists()


def test_kept_arrays_are_found_again_whole_or_not_at_all(tmp_path, small, monkeypatch, capsys):
    path, values = tmp_path / "a.safetensors", numbers(300)
    turned = grown(path, values).rows(np.arange(300)[::-1])
    decoded.save(path, {"values": turned, "targets": np.arange(3)})
    found = decoded.load(path)
    assert isinstance(found["values"], Mapped)
    np.testing.assert_array_equal(found["values"].array(), values[::-1])
    np.testing.assert_array_equal(found["targets"], [0, 1, 2])
    monkeypatch.setenv(mapped.VARIABLE, "1M")
    fits = decoded.load(path)["values"]
    assert isinstance(fits, np.ndarray)
    np.testing.assert_array_equal(fits, values[::-1])

    file = sorted((tmp_path / "a.shards").glob("*.npy"))[1]
    before = file.read_bytes()
    status = file.stat()
    file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    import os

    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # bits flipped on the disk
    assert decoded.load(path) is not None
    with verifying() as read:
        assert decoded.load(path) is None
    assert file in read
    assert f"{file}: damaged, made again" in capsys.readouterr().err
    file.unlink()
    assert decoded.load(path) is None
    grown(path, values)  # what was left is overwritten
    decoded.save(path, {"values": grown(path, values), "targets": np.arange(3)})
    np.testing.assert_array_equal(np.asarray(decoded.load(path)["values"]), values)


def test_a_copy_made_in_memory_is_mapped_where_the_memory_is_less(tmp_path, monkeypatch):
    path, values = tmp_path / "a.safetensors", numbers(300)
    decoded.save(path, {"values": values, "names": np.frombuffer(b"abc", np.uint8), "none": np.empty((0, 5), np.int16)})
    monkeypatch.setenv(mapped.VARIABLE, "1k")
    found = decoded.load(path)
    assert isinstance(found["values"], Mapped)
    np.testing.assert_array_equal(found["values"].array(), values)
    assert found["names"].tobytes() == b"abc"
    assert found["none"].shape == (0, 5)


def test_a_bad_size_and_a_place_that_cannot_be_written_are_one_line(tmp_path, small, monkeypatch):
    (tmp_path / "a.shards").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot write .*a\.shards.*CNN_SUITE_CACHE"):
        grown(tmp_path / "a.safetensors", numbers(300))
    monkeypatch.setenv(mapped.VARIABLE, "much")
    with pytest.raises(UserError, match="CNN_SUITE_MEMORY must be a number of bytes"):
        decoded.growing(tmp_path / "b.safetensors", "values")

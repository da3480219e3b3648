import io
import os
import pickle
import pickletools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnn_core.errors import UserError
from cnn_core.fetching.pickles import load_arrays

PLAIN = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes(sizes=(32, 64))
)


def _load(data: bytes):
    return load_arrays(io.BytesIO(data), "file.pkl")


@given(hnp.arrays(PLAIN, hnp.array_shapes(min_dims=0, min_side=0, max_side=5)), st.integers(2, 5), st.booleans())
def test_arrays_come_back(array, protocol, fortran):
    array = np.asfortranarray(array) if fortran else array
    found = _load(pickle.dumps({"a": [array, (1, 2.5, "x", None, True)]}, protocol))
    assert found["a"][1] == (1, 2.5, "x", None, True)
    np.testing.assert_array_equal(found["a"][0], array)
    assert found["a"][0].dtype == array.dtype
    assert found["a"][0].shape == array.shape


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_scalars_types_and_strings_come_back(protocol):
    found = _load(pickle.dumps([np.float32(1.5), np.dtype(">i4"), np.array(["ab", "c"]), np.array([b"x"])], protocol))
    assert found[0] == 1.5
    assert found[1] == np.dtype(">i4")
    assert found[2].tolist() == ["ab", "c"]
    assert found[3].tolist() == [b"x"]


def test_a_pickle_of_python_2_and_numpy_1():
    """Opcodes as Python 2 with numpy 1 wrote them: GLOBAL numpy.core, byte strings, protocol 2."""
    values = np.arange(6, dtype="<f4")
    raw = values.tobytes()
    data = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + len(raw).to_bytes(4, "little") + raw + b"tb."
    )
    np.testing.assert_array_equal(_load(data), values.reshape(2, 3))


class _Evil:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "evil",
    [
        _Evil(os.system, ("touch evil",)),
        _Evil(eval, ("1",)),
        _Evil(getattr, ("x", "__class__")),
        _Evil(np.load, ("x",)),
        _Evil(np.ndarray, ((2,),)),
        _Evil(bytes, (10**12,)),
    ],
)
def test_functions_are_refused(evil, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"file\.pkl"):
        _load(pickle.dumps((np.arange(3), evil), protocol))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, "x", None], dtype=object),
        np.zeros(2, dtype=[("a", "f4"), ("b", "O")]),
        np.zeros(2, dtype=[("a", "f4")]),
        np.zeros(2, dtype="V8"),
        np.array(["2020-01-01"], dtype="M8[D]"),
    ],
)
def test_objects_and_records_are_refused(array):
    for protocol in range(2, 6):
        with pytest.raises(UserError, match="refused"):
            _load(pickle.dumps(array, protocol))


@pytest.mark.parametrize(
    "data",
    [
        b"cnumpy\ndtype\n}U\x04calls\x04evilsb.",  # a state for a function
        b"cnumpy\ndtype\n.",  # a function as the value
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.",  # an array that is never finished
        b"\x80\x02cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02O8\x85RU\x08AAAAAAAA\x86R.",
    ],
)
def test_crafted_pickles_are_refused(data):
    with pytest.raises(UserError, match=r"file\.pkl"):
        _load(data)


def test_the_shape_must_fit_the_bytes():
    data = pickle.dumps(np.arange(3, dtype="u1"), 5)
    assert b"K\x03\x85" in data
    with pytest.raises(UserError, match="do not fit"):
        _load(data.replace(b"K\x03\x85", b"K\x09\x85"))


@settings(max_examples=200)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=4))
def test_damaged_pickles_end_in_a_user_error_or_in_plain_values(position, patch):
    data = bytearray(pickle.dumps([np.arange(4), {"k": np.ones((2, 2))}], 2))
    position %= len(data)
    data[position : position + len(patch)] = patch
    try:
        found = _load(bytes(data))
    except UserError:
        return
    names = [arg for op, arg, _ in pickletools.genops(bytes(data)) if op.name == "GLOBAL"]
    assert all(isinstance(name, str) and name.split()[0].startswith(("numpy", "_codecs")) for name in names), found


@pytest.mark.parametrize("data", [b"", b"\x80", b"hello", pickle.dumps(np.arange(99))[:-20]])
def test_no_pickle(data):
    with pytest.raises(UserError, match="not a whole pickle"):
        _load(data)


def test_a_length_beyond_memory_and_a_list_inside_itself_are_user_errors():
    long = b"\x80\x04\x8e" + (1 << 60).to_bytes(8, "little") + b"x."
    own: list = []
    own.append(own)
    for data in (long, pickle.dumps(own), pickle.dumps([np.arange(2), own])):
        with pytest.raises(UserError, match=r"file\.pkl: not a whole pickle"):
            _load(data)


def test_names_of_numpy_1_and_2_both_serve():
    array = np.arange(5, dtype="i2")
    for protocol in (2, 4, 5):
        data = pickle.dumps(array, protocol)
        old, new = b"numpy.core.", b"numpy._core."
        assert new in data or old in data
        if protocol == 2:  # its names carry no length
            for renamed in (data.replace(new, old), data.replace(new, old).replace(old, new)):
                np.testing.assert_array_equal(_load(renamed), array)
        np.testing.assert_array_equal(_load(data), array)

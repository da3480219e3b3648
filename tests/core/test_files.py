import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.dream.data import in_folder
from cnn_core.errors import UserError
from cnn_core.fetching.class_folders import class_names
from cnn_core.files import atomic, files_in, plain, write_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(values)
def test_json_values_stay_as_they_are(value):
    assert plain(value) == value


@dataclass(frozen=True)
class Pair:
    left: float
    right: tuple[int, ...]


def test_write_json_takes_arrays_dataclasses_and_nan(tmp_path):
    path = tmp_path / "deep" / "file.json"
    write_json(
        path,
        {
            "array": np.array([[1.5, np.nan]], dtype=np.float32),
            "scalar": np.int64(3),
            "flag": np.bool_(True),
            "pair": Pair(float("inf"), (1, 2)),
            "path": Path("a/b"),
            "set": {2, 1},
            "name": "zéro",
        },
    )
    text = path.read_text(encoding="utf-8")
    assert "zéro" in text
    assert json.loads(text) == {
        "array": [[1.5, None]],
        "scalar": 3,
        "flag": True,
        "pair": {"left": None, "right": [1, 2]},
        "path": "a/b",
        "set": [1, 2],
        "name": "zéro",
    }
    with pytest.raises(TypeError, match="no JSON form for object"):
        write_json(path, object())
    assert path.read_text(encoding="utf-8") == text


def test_failed_writing_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def interrupted():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_are_user_errors(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "x.json", tmp_path / "folder"):
        with pytest.raises(UserError, match=f"cannot write {path}: "):
            write_json(path, 1)


def test_files_of_a_folder_without_what_systems_leave_behind(tmp_path):
    names = [
        "b.wav",
        "a/c.WAV",
        "._b.wav",
        ".x.wav",
        "a/._c.wav",
        ".git/d.wav",
        "__MACOSX/b.wav",
        "notes.txt",
        "Thumbs.db",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_in(tmp_path, (".wav",)) == [tmp_path / "a/c.WAV", tmp_path / "b.wav"]
    hidden = tmp_path / ".git"
    assert files_in(hidden, (".wav",)) == [hidden / "d.wav"]  # a folder that the user names is meant
    assert in_folder(tmp_path, (".wav",)) == [str(tmp_path / "a/c.WAV"), str(tmp_path / "b.wav")]
    assert class_names(tmp_path, (".wav",)) == ["a"]

"""The user's inputs: all bad ones in one message, or left out."""

from dataclasses import replace
from pathlib import Path

import pytest

from apps.digits.app import APP
from cnn_core.errors import UserError
from cnn_core.verbs.inputs import names_of, read_all


def read(source):
    text = source.read_text()
    if text.startswith("bad"):
        raise UserError(f"{source}: {text}")
    return text


@pytest.fixture
def folder(tmp_path):
    for name, text in {"a.png": "good", "b.png": "bad colours", "c.png": "bad size", "d.png": "fine"}.items():
        (tmp_path / name).write_text(text)
    for name in ("e.heic", "f.txt", ".hidden.png", "g.heic"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_all_bad_files_are_named_at_once(folder):
    names = names_of(APP, [str(folder)])
    with pytest.raises(
        UserError, match=r"2 of 4 pictures cannot be read: \S+b.png: bad colours; \S+c.png: bad size; --skip-bad"
    ):
        read_all(names, read, "picture", False)


def test_skip_bad_answers_the_others(folder, capsys):
    names, values = read_all(names_of(APP, [str(folder)]), read, "picture", True)
    assert [Path(name).name for name in names] == ["a.png", "d.png"]
    assert values == ["good", "fine"]
    assert "left out: " in capsys.readouterr().err


def test_one_bad_file_is_its_own_message(folder):
    with pytest.raises(UserError, match="^[^;]+b.png: bad colours$"):
        read_all([str(folder / "b.png")], read, "picture", True)


def test_nothing_is_left(folder):
    with pytest.raises(UserError, match="2 of 2 pictures"):
        read_all([str(folder / "b.png"), str(folder / "c.png")], read, "picture", True)


def test_files_of_other_kinds_are_counted(folder, capsys):
    assert len(names_of(APP, [str(folder)])) == 4
    assert "3 files of other kinds left out: 2 .heic, 1 .txt" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"holds no recordings \(\.wav\); it has 4 \.png"):
        names_of(replace(APP, suffixes=(".wav",), what="recording"), [str(folder)])


def test_a_dangling_link_is_a_bad_file(folder):
    (folder / "z.png").symlink_to(folder / "gone.png")
    with pytest.raises((UserError, FileNotFoundError)):
        read_all(names_of(APP, [str(folder)]), lambda source: APP.read(source), "picture", False)

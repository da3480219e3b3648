"""Checkpoints: whole or not at all, damage is noticed, nothing is unpickled."""

import json
import pickle

import pytest
import torch

from cnn_core.errors import UserError
from cnn_core.training import checkpoint
from cnn_core.training.checkpoint import Checkpoint, Counters, LoopState


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "last"
    state = LoopState({"model.w": torch.arange(3.0)}, Counters(epoch=2, history=({"epoch": 1, "train_loss": 0.5},)))
    checkpoint.save(folder, Checkpoint({"w": torch.tensor([1.5, -2.0])}, {"app": "x"}, {"loss": 0.1}, state))
    return folder


def test_round_trip(saved):
    loaded = checkpoint.load(saved, with_state=True)
    assert loaded.config == {"app": "x"}
    assert loaded.metrics == {"loss": 0.1}
    assert torch.equal(loaded.weights["w"], torch.tensor([1.5, -2.0]))
    assert loaded.state is not None
    assert torch.equal(loaded.state.tensors["model.w"], torch.arange(3.0))
    assert loaded.state.counters == Counters(epoch=2, history=({"epoch": 1, "train_loss": 0.5},))
    assert checkpoint.load(saved).state is None


def test_counters_of_another_kind_are_refused(saved):
    state = LoopState({}, Counters(epoch="two"))  # type: ignore[arg-type]
    checkpoint.save(saved, Checkpoint({}, {}, {}, state))
    with pytest.raises(UserError, match=r"state.json.epoch: 'two' does not fit the type int"):
        checkpoint.load(saved, with_state=True)


def test_nothing_in_it_is_a_pickle(saved):
    assert {p.suffix for p in saved.iterdir()} == {".json", ".safetensors"}
    for path in saved.iterdir():
        with pytest.raises((pickle.UnpicklingError, ValueError, EOFError, IndexError, KeyError, ImportError)):
            pickle.loads(path.read_bytes())


def test_replaces_and_leaves_nothing_beside(saved):
    checkpoint.save(saved, Checkpoint({"w": torch.zeros(1)}, {"app": "y"}))
    assert checkpoint.load(saved).config == {"app": "y"}
    assert [p.name for p in saved.parent.iterdir()] == ["last"]
    with pytest.raises(UserError, match="no state to resume"):
        checkpoint.load(saved, with_state=True)


def test_killed_between_the_two_renames(saved):
    saved.rename(saved.with_name("last.old"))
    assert checkpoint.exists(saved)
    assert checkpoint.load(saved).config == {"app": "x"}
    checkpoint.save(saved, Checkpoint({"w": torch.zeros(1)}, {"app": "z"}))
    assert checkpoint.load(saved).config == {"app": "z"}


def test_killed_while_writing(saved):
    half = saved.with_name("last.new")
    half.mkdir()
    (half / "weights.safetensors").write_bytes(b"half")
    assert checkpoint.load(saved).config == {"app": "x"}
    checkpoint.save(saved, Checkpoint({"w": torch.zeros(1)}, {"app": "z"}))
    assert not half.exists()


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "state.safetensors", "config.json", "metrics.json", "state.json"]
)
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_damage_is_one_line(saved, name, damage):
    path = saved / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(UserError) as caught:
        checkpoint.load(saved, with_state=True)
    assert str(saved) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_foreign_folders(tmp_path):
    with pytest.raises(UserError, match="no checkpoint here"):
        checkpoint.load(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(UserError, match="not a checkpoint of this suite"):
        checkpoint.load(tmp_path)


def test_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not save"):
        checkpoint.save(tmp_path / "file" / "last", Checkpoint({"w": torch.zeros(1)}, {}))


def test_full_disk_leaves_the_old_checkpoint(saved, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_json", full)
    with pytest.raises(UserError, match="No space left"):
        checkpoint.save(saved, Checkpoint({"w": torch.zeros(1)}, {}))
    assert checkpoint.load(saved).config == {"app": "x"}
    assert [p.name for p in saved.parent.iterdir()] == ["last"]


def test_shared_and_strided_tensors(tmp_path):
    w = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    checkpoint.save(tmp_path / "c", Checkpoint({"a": w, "b": w, "t": w.transpose(0, 1)}, {}))
    loaded = checkpoint.load(tmp_path / "c").weights
    assert torch.equal(loaded["a"], w)
    assert torch.equal(loaded["t"], w.transpose(0, 1))

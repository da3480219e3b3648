"""Games that do not fit into the memory: the same positions from files as in memory."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from apps.go import data
from apps.go.config import PRESETS
from apps.go.counting import outcome
from apps.go.verbs import move_metrics
from cnn_core.fetching import mapped


@pytest.fixture
def folder(tmp_path):
    """80 games of 19x19, of other moves each."""
    names = [a + b for a in "abcdefghijklmnopqrs" for b in "abcdefghijklmnopqrs"]
    for number in range(80):
        chosen = np.random.default_rng(number).permutation(len(names))[:60]
        moves = "".join(f";{'BW'[i % 2]}[{names[point]}]" for i, point in enumerate(chosen))
        path = tmp_path / "games" / f"{number:02d}.sgf"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"(;GM[1]FF[4]SZ[19]KM[6.5]RE[{'BW'[number % 2]}+2.5]BR[9d]WR[9d]{moves};B[])")
    return tmp_path / "games"


def loaded(folder, monkeypatch, memory: str, cache):
    monkeypatch.setenv(mapped.VARIABLE, memory)
    monkeypatch.setenv("CNN_SUITE_CACHE", str(cache))
    config = replace(PRESETS["small"], data=str(folder), size=19, judge=0.0, foresee=0.5, passes=True)
    return data.load(replace(config, choice=replace(config.choice, test=0.3, validation=0.2)))


def test_positions_from_files_equal_those_in_memory(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "SHARD", 2000)
    whole = loaded(folder, monkeypatch, "1G", tmp_path / "one")
    for _ in range(2):  # written, and found again
        rows = loaded(folder, monkeypatch, "10k", tmp_path / "two")
        assert rows.train.games.mapped
        for one, other in (
            (whole.train, rows.train),
            (whole.validation, rows.validation),
            (whole.test, rows.test),
            (data.late(whole.train, 7), data.late(rows.train, 7)),
        ):
            assert not one.mapped
            assert other.mapped
            assert len(one) == len(other) > 0
            index = torch.randperm(len(one), generator=torch.Generator().manual_seed(0))[:50]
            for each in (index, slice(3, 9)):
                for first, second in zip(one.take(each), other.take(each), strict=True):
                    assert first.dtype == second.dtype
                    assert torch.equal(first, second)
            np.testing.assert_array_equal(move_metrics.move_numbers(one), move_metrics.move_numbers(other))
            np.testing.assert_array_equal(move_metrics.distances(one), move_metrics.distances(other))
    assert list((tmp_path / "two").rglob("moves-*.npy"))
    assert list((tmp_path / "two").rglob("samples-*.npy"))

    games = whole.train.games
    ends = outcome.Endings(
        np.random.default_rng(0).integers(0, 4, (len(games), 361)).astype(np.uint8),
        games.margin,
        games.result,
    )
    found = [replace(split, endings=ends).take(torch.arange(40))[0] for split in (whole.train, rows.train)]
    assert torch.equal(*found)


def test_a_game_lies_in_one_file(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "SHARD", 500)
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "one"))
    games = data._readable(str(folder))
    monkeypatch.setenv("CNN_SUITE_CACHE", str(tmp_path / "two"))
    monkeypatch.setenv(mapped.VARIABLE, "1k")
    rows = data._readable(str(folder))
    assert rows.mapped
    some = rows.take(np.array([70, 3, 3]))
    for number, game in enumerate((70, 3, 3)):
        np.testing.assert_array_equal(some.entries(number), games.entries(game))
    np.testing.assert_array_equal(some.take(np.array([1])).loaded().moves, games.entries(3))
    np.testing.assert_array_equal(np.concatenate([part.moves for part in rows.blocks(7)]), games.moves)

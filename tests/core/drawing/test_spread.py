"""Labels that do not lie over each other, and the CSV beside a picture."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.drawing.spread import spread
from cnn_core.drawing.tables import beside
from cnn_core.errors import UserError


def overlaps(middles, sizes):
    missing = (sizes[:, None] + sizes[None]) / 2 - np.abs(middles[:, None] - middles[None])
    over = (missing > 1e-6).all(2)
    np.fill_diagonal(over, False)
    return int(over.sum()) // 2


@given(st.integers(0, 1000), st.integers(2, 60))
def test_crowded_labels_come_apart_and_stay_near(seed, count):
    rng = np.random.default_rng(seed)
    places, sizes = rng.random((count, 2)) * 4, np.stack([rng.uniform(0.2, 0.8, count), np.full(count, 0.13)], 1)
    found = spread(places, sizes)
    assert overlaps(found, sizes) == 0
    assert np.abs(found - places).max() < 2.5


def test_labels_with_room_stay_where_they_are_and_equal_places_are_told_apart():
    places = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    assert np.allclose(spread(places, np.ones((3, 2))), places, atol=0.01)
    assert overlaps(spread(np.zeros((9, 2)), np.ones((9, 2))), np.ones((9, 2))) == 0


def test_the_numbers_lie_beside_their_picture_and_are_no_formulas(tmp_path):
    path = beside(tmp_path / "map.png", ["word", "x"], [["=1+1", 0.5], ["a,b", -2.0]])
    assert path == tmp_path / "map.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [["word", "x"], ["'=1+1", "0.5"], ["a,b", "-2.0"]]
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot write"):
        beside(tmp_path / "file" / "map.png", ["word"], [])

import pytest

from cnn_core.drawing.tables import table


def test_numbers_to_the_right_text_to_the_left():
    rows = [["zero", 0.98765, 980, "99.10 ± 0.07"], ["いち", None, 12, "9.5 ± 1"]]
    assert table(["class", "recall", "support", "score"], rows) == (
        "class  recall  support         score\n"
        "─────  ──────  ───────  ────────────\n"
        "zero   0.9877      980  99.10 ± 0.07\n"
        "いち        –       12       9.5 ± 1"
    )


def test_markdown():
    assert table(["a|b", "n"], [["x|y", 1], ["z", 20]], markdown=True) == (
        "| a\\|b |   n |\n| ---- | --: |\n| x\\|y |   1 |\n| z    |  20 |"
    )


def test_header_alone_and_ragged_rows():
    assert table(["a"], []) == "a\n─"
    with pytest.raises(ValueError, match="row 1 has 1 cells, the header 2"):
        table(["a", "b"], [[1, 2], [3]])

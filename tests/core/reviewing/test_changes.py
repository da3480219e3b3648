"""Lists of changed labels: written, read, applied to a copy."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.errors import UserError
from cnn_core.training.data import Dataset, Split
from cnn_core.verbs.measures.reviewing import changes
from cnn_core.verbs.measures.reviewing.changes import Row

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=8)


@pytest.fixture
def source():
    train = Split(torch.arange(24, dtype=torch.uint8).view(6, 4), torch.tensor([0, 0, 0, 1, 1, 1]))
    return Dataset("toy", train, train, ("cat", "dog"))


def row(source, sample, decision, to=""):
    label = source.label_of(source.train.targets[sample])
    return Row(sample, changes.sample_digest(source.train, sample), label, decision=decision, to=to)


@given(st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["", "keep", "drop"])), max_size=5))
def test_what_is_written_is_read(tmp_path_factory, values):
    rows = [Row(number, "0f", label, "0.5", label, "0.1", decision, to)
            for number, (label, to, decision) in enumerate(values)]  # fmt: skip
    path = tmp_path_factory.mktemp("list") / "labels.csv"
    changes.write(path, rows)
    assert changes.read(path) == rows


def test_a_copy_is_changed(source):
    rows = [row(source, 0, "change", "dog"), row(source, 1, "keep"), row(source, 4, "drop"), row(source, 5, "")]
    found = changes.applied(source, rows, "list")
    assert found.source.train.targets.tolist() == [1, 0, 0, 1, 1]
    assert found.samples.tolist() == [0, 1, 2, 3, 5]
    assert (found.changed, found.dropped) == (1, 1)
    assert source.train.targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.source.test is source.test
    assert torch.equal(found.source.train.inputs, source.train.inputs[found.samples])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([Row(0, "0" * 16, "cat", decision="drop")], "of other data"),
        ([Row(99, "0" * 16, "cat", decision="drop")], "of other data"),
    ],
)
def test_a_list_of_other_data_is_refused(source, wrong, message):
    with pytest.raises(UserError, match=message):
        changes.applied(source, wrong, "list")


def test_no_class_is_emptied_and_none_is_new(source):
    with pytest.raises(UserError, match="no sample of the class 'dog'"):
        changes.applied(source, [row(source, n, "drop") for n in (3, 4, 5)], "list")
    with pytest.raises(UserError, match="'mouse' is no class"):
        changes.applied(source, [row(source, 0, "change", "mouse")], "list")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "missing"),
        ("", "missing"),
        ("sample,digest,label,decision,to\nx,0,cat,keep,\n", "line 2: sample 'x'"),
        ("sample,digest,label,decision,to\n1,0,cat,perhaps,\n", "decision 'perhaps'"),
        ("sample,digest,label,decision,to\n1,0,cat,change,\n", "change to which label"),
        ("sample,digest,label,decision,to\n1,0,cat,keep,\n1,0,cat,drop,\n", "sample 1 stands there twice"),
        (b"\xff\xfe", "not a CSV file"),
    ],
)
def test_wrong_lists_are_one_line(tmp_path, text, message):
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=message) as caught:
        changes.read(path)
    assert str(path) in str(caught.value)

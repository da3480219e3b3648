"""Real digits without a network: scikit-learn's 1,797 pictures (UCI), enlarged to 28 x 28, as IDX files."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from apps.digits.app import APP
from cnn_core.cli import run


@pytest.fixture(scope="session")
def digit_pictures():
    """(images (1797, 28, 28) uint8 bright on black, labels (1797,))."""
    found = load_digits()
    small = (found.images * (255 / 16)).astype(np.uint8)
    large = [np.asarray(Image.fromarray(image).resize((20, 20), Image.Resampling.BICUBIC)) for image in small]
    return np.pad(np.stack(large), ((0, 0), (4, 4), (4, 4))), found.target.astype(np.uint8)


@pytest.fixture(scope="session")
def digits_folder(digit_pictures, tmp_path_factory):
    """A folder of IDX files, 1,500 pictures to train and 297 to test (by other writers: the set is in their order)."""
    folder = tmp_path_factory.mktemp("digits")
    images, labels = digit_pictures
    for split, part in (("train", slice(0, 1500)), ("t10k", slice(1500, None))):
        for kind, values in (("images-idx3", images[part]), ("labels-idx1", labels[part])):
            head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
            (folder / f"{split}-{kind}-ubyte").write_bytes(head + values.tobytes())
    return folder


@pytest.fixture(scope="session")
def quick_digits_run(digits_folder, tmp_path_factory):
    """A run of two epochs of preset fast, without an exported file; tests must leave it as it is."""
    folder = tmp_path_factory.mktemp("runs") / "fast"
    args = ["train", "--data", str(digits_folder), "--out", str(folder), "--fit.epochs", "2", "--json", "--no-export"]
    assert run(APP, args) == 0
    return folder

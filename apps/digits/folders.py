"""Digits from a user's folder: IDX files under MNIST's names, or one folder of pictures for each class.

Letters: N pictures.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from apps.digits.frame import find
from apps.digits.idx import ROLES, Arrays, as_images, as_labels, mapped_idx, read_idx
from cnn_core import console
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.fetching.class_folders import TEST_FOLDERS, class_files, class_names, test_folder, train_folder
from cnn_core.fetching.mapped import Values
from cnn_core.training.holdout import hold_out

TEST_SHARE = 0.2
PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

# train-images-idx3-ubyte(.gz), with '.' before idx as some unpackers write it, with a prefix ("qmnist-"), t10k or test.
IDX_NAME = re.compile(r"(?:.*[-_])?(train|t10k|test)[-_.](images|labels)[-_.]idx\d[-_.](?:ubyte|int)(?:\.gz)?")


def is_picture_folder(folder: Path) -> bool:
    """Whether the folder has class folders with pictures, directly or inside train/."""
    return not _idx_files(folder) and bool(class_names(train_folder(folder, PICTURES) or folder, PICTURES))


def read_idx_folder(folder: Path) -> dict[str, Values]:
    """Arrays of the four IDX files in a folder, large ones mapped where they lie.

    Raises UserError naming what is missing or wrong.
    """
    found = _idx_files(folder)
    missing = [role for role in ROLES if role not in found]
    if len(missing) == len(ROLES):
        raise UserError(
            f"{folder}: holds neither IDX files (train-images-idx3-ubyte, ...) nor a folder of pictures for each class"
        )
    if missing:
        raise UserError(f"{folder}: lacks the IDX file of {', '.join(missing)} (train-images-idx3-ubyte, ...)")
    arrays: dict[str, Values] = {}
    for role, path in found.items():
        if role.endswith("images"):
            arrays[role] = as_images(mapped_idx(path) or read_idx(path), str(path))
        else:
            arrays[role] = as_labels(read_idx(path), str(path))
    for split in ("train", "test"):
        images, labels = len(arrays[f"{split}-images"]), len(arrays[f"{split}-labels"])
        if images != labels:
            path = found[f"{split}-labels"]
            raise UserError(f"{path}: {labels} labels for the {images} pictures of {found[f'{split}-images'].name}")
        if images == 0:
            raise UserError(f"{found[f'{split}-images']}: holds no pictures")
    return arrays


def read_picture_folder(folder: Path, seed: int, progress: bool) -> tuple[Arrays, tuple[str, ...]]:
    """Arrays and class names of a folder with one folder of pictures for each class; pictures prepared by `read`.

    Without train/ and test/, a fifth of each class is set aside for testing, and pictures that are equal once
    prepared stay on one side. Raises UserError naming the picture or folder that cannot be used.
    """
    train, test = train_folder(folder, PICTURES), test_folder(folder, PICTURES)
    classes = class_names(train or folder, PICTURES)
    if len(classes) < 2:
        raise UserError(f"{train or folder}: needs a folder of pictures for each of at least two classes")
    if len(classes) > 256:
        raise UserError(f"{train or folder}: {len(classes)} classes, and at most 256 are possible")
    images, labels = _read(train or folder, classes, progress)
    if train is not None and test is not None:
        extra = sorted(set(class_names(test, PICTURES)) - set(classes))
        if extra:
            raise UserError(f"{test / extra[0]}: this class is not in {train}")
        test_images, test_labels = _read(test, classes, progress)
        shared = len({image.tobytes() for image in images} & {image.tobytes() for image in test_images})
        if shared:
            note(f"{folder}: {counted(shared, 'picture')} in both {train.name}/ and {test.name}/: test scores flatter")
    else:
        try:
            held = hold_out(labels, TEST_SHARE, seed, [image.tobytes() for image in images])
        except UserError as error:
            raise UserError(f"{folder}: too few different pictures to train and to test ({error})") from None
        test_images, test_labels, images, labels = images[held], labels[held], images[~held], labels[~held]
        note(
            f"{folder}: no {TEST_FOLDERS[0]}/ folder: {len(test_images)} of {len(held)} pictures set aside for testing"
            f" (seed {seed}, by class, equal pictures on one side)"
        )
    arrays: Arrays = dict(zip(ROLES, (images, labels, test_images, test_labels), strict=True))
    return arrays, tuple(classes)


def _idx_files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        match = IDX_NAME.fullmatch(path.name)
        if match and path.is_file():
            split = "train" if match[1] == "train" else "test"
            found.setdefault(f"{split}-{match[2]}", path)
    return found


def _read(folder: Path, classes: list[str], progress: bool) -> tuple[np.ndarray, np.ndarray]:
    paths = [
        (path, label)
        for label, name in enumerate(classes)
        if (folder / name).is_dir()
        for path in class_files(folder / name, PICTURES)
    ]
    bar = console.progress(folder.name, over=paths, unit="picture", show=progress)
    images = np.zeros((len(paths), 28, 28), np.uint8)
    remarks: Counter[str] = Counter()
    for row, (path, _) in enumerate(bar):
        found = find(path)
        images[row] = found.digits[0]
        remarks.update(found.remarks)
    for remark, count in remarks.items():
        note(f"{folder}: {count} of {len(paths)} pictures: {remark}")
    return images, np.array([label for _, label in paths], np.uint8)

"""Digits from a user's folder: IDX files under MNIST's names, or one folder of pictures for each class.

Letters: N pictures.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np

from apps.digits.frame import find
from apps.digits.idx import ROLES, as_images, as_labels, mapped_idx, read_idx
from cnn_core import console
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.fetching import decoded
from cnn_core.fetching.class_folders import TEST_FOLDERS, class_files, class_names, test_folder, train_folder
from cnn_core.fetching.mapped import Values, blocks_of, rows_of
from cnn_core.fetching.sources import cache_folder
from cnn_core.training.holdout import hold_out

TEST_SHARE = 0.2
DECODING = 1  # counted up when `find` changes, so that pictures read before are not used
BLOCK = 256  # pictures that are read between two steps of the progress bar
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


def read_picture_folder(folder: Path, seed: int, progress: bool) -> tuple[dict[str, Values], tuple[str, ...]]:
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
        shared = len({*_digests(images)} & {*_digests(test_images)})
        if shared:
            note(f"{folder}: {counted(shared, 'picture')} in both {train.name}/ and {test.name}/: test scores flatter")
    else:
        try:
            held = hold_out(labels, TEST_SHARE, seed, _digests(images))
        except UserError as error:
            raise UserError(f"{folder}: too few different pictures to train and to test ({error})") from None
        test_images, test_labels = rows_of(images, held), labels[held]
        images, labels = rows_of(images, ~held), labels[~held]
        note(
            f"{folder}: no {TEST_FOLDERS[0]}/ folder: {len(test_images)} of {len(held)} pictures set aside for testing"
            f" (seed {seed}, by class, equal pictures on one side)"
        )
    arrays: dict[str, Values] = dict(zip(ROLES, (images, labels, test_images, test_labels), strict=True))
    return arrays, tuple(classes)


def _idx_files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        match = IDX_NAME.fullmatch(path.name)
        if match and path.is_file():
            split = "train" if match[1] == "train" else "test"
            found.setdefault(f"{split}-{match[2]}", path)
    return found


def _read(folder: Path, classes: list[str], progress: bool) -> tuple[Values, np.ndarray]:
    """Pictures (N, 28, 28), mapped where they are many, and labels (N,), from the cache or read."""
    paths = [
        (path, label)
        for label, name in enumerate(classes)
        if (folder / name).is_dir()
        for path in class_files(folder / name, PICTURES)
    ]
    seen = hashlib.sha256(f"{DECODING} {folder.resolve()}\n".encode(errors="surrogateescape"))
    for path, label in paths:
        try:
            status = path.stat()
            line = f"{label} {path.name} {status.st_size} {status.st_mtime_ns}\n"
        except OSError:  # said when it is read
            line = f"{label} {path.name}\n"
        seen.update(line.encode(errors="surrogateescape"))
    kept = cache_folder() / "digit-folders" / f"pictures-{seen.hexdigest()[:16]}.safetensors"
    arrays = decoded.load(kept)
    if arrays is None:
        arrays = _decoded(folder, [path for path, _ in paths], kept, progress)
    for remark, count in json.loads(np.asarray(arrays["remarks"]).tobytes()).items():
        note(f"{folder}: {count} of {len(paths)} pictures: {remark}")
    return arrays["images"], np.array([label for _, label in paths], np.uint8)


def _decoded(folder: Path, paths: list[Path], kept: Path, progress: bool) -> decoded.Arrays:
    """Pictures, and how often what was remarked about one; put into the cache."""
    images = decoded.growing(kept, "images", 28 * 28 * len(paths))
    remarks: Counter[str] = Counter()
    bar = console.progress(folder.name, over=range(0, len(paths), BLOCK), unit="block", show=progress)
    for start in bar:
        found = [find(path) for path in paths[start : start + BLOCK]]
        images.add(np.stack([each.digits[0] for each in found]))
        for each in found:
            remarks.update(each.remarks)
    said = np.frombuffer(json.dumps(remarks).encode(), np.uint8)
    arrays: decoded.Arrays = {"images": images.array(), "remarks": said}
    decoded.save(kept, arrays)
    return arrays


def _digests(images: Values) -> list[bytes]:
    return [hashlib.sha1(image, usedforsecurity=False).digest() for block in blocks_of(images) for image in block]

"""Features of a trained backbone: computed once for each picture, kept as float16 in the cache, found by content.

Letters: N pictures, F features.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor, nn

from apps.photos.config import PhotosConfig
from apps.photos.model import feature_count, frozen, initialize
from cnn_core import bounded, console
from cnn_core.console import counted
from cnn_core.errors import UserError
from cnn_core.fetching import decoded
from cnn_core.fetching.mapped import Values, blocks_of
from cnn_core.fetching.sources import cache_folder
from cnn_core.training.inference import Forward, Step, call, classification

VERSION = 1  # counted up when features change
MEMORY = 2048 * bounded.MIB
AT_ONCE = 1 << 19  # pixels of a batch: its widest maps, 24 times as many numbers, then stay near the processor

_known: dict[str, dict[bytes, Tensor]] = {}
"""Of each kind of features, those of the pictures that were loaded, by the digest of their pixels."""


def kind_of(config: PhotosConfig) -> str:
    """What features depend on beside the picture."""
    return f"{VERSION} {config.backbone} {config.seen} {config.net.head}"


def remember(config: PhotosConfig, images: Values, progress: bool = True) -> np.ndarray:
    """The features (N, F) float16 of pictures (N, 3, S, S) uint8, from the cache or computed; `forward` finds them.

    Raises UserError where the weights are not available, and where the features do not fit into the memory.
    """
    needed, most = 2 * len(images) * feature_count(config), bounded.limit(MEMORY)
    if needed > most:
        raise UserError(
            f"{config.data}: the features of {counted(len(images), 'picture')} fill {needed / bounded.MIB:,.0f} MiB;"
            f" take --net.head avg, or set {bounded.VARIABLE} to more"
        )
    digests = [_digest(image) for block in blocks_of(images) for image in block]
    known = _known.setdefault(kind_of(config), {})
    if all(digest in known for digest in digests):
        return np.stack([known[digest].numpy() for digest in digests])
    key = hashlib.sha256(b"".join([kind_of(config).encode(), *digests])).hexdigest()[:16]
    path = cache_folder() / "photo-features" / f"features-{key}.safetensors"
    arrays = decoded.load(path)
    if arrays is None:
        arrays = {"features": computed(config, images, progress)}
        decoded.save(path, arrays)
    found = np.asarray(arrays["features"])
    known.update(zip(digests, torch.from_numpy(found), strict=True))
    return found


@torch.no_grad()
def computed(config: PhotosConfig, images: Values, progress: bool = True) -> np.ndarray:
    """(N, F) float16 by the backbone, in fp32, so that they are the same on every processor."""
    with torch.random.fork_rng(devices=[]):
        model = frozen(config, 2)
    initialize(model, config)
    model.eval()
    size = max(1, AT_ONCE // config.seen**2)
    features = np.empty((len(images), feature_count(config)), np.float16)
    starts = range(0, len(images), size)
    for start in console.progress(f"features of {config.backbone}", over=starts, unit="batch", show=progress):
        part = slice(start, start + size)
        features[part] = model.features(torch.from_numpy(images[part])).numpy()
    return features


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha1(image.data, usedforsecurity=False).digest()


def forward(config: PhotosConfig) -> Forward:
    """With a backbone, the logits from features known already, else through all layers."""
    if config.backbone == "none" or config.tuned:
        return call
    known = _known.setdefault(kind_of(config), {})

    def through_features(model: nn.Module, pictures: Tensor) -> Tensor:
        if pictures.dtype != torch.uint8:
            return model(pictures)
        found = [known.get(_digest(image)) for image in pictures.cpu().numpy()]
        if any(each is None for each in found):
            return model(pictures)
        return model(torch.stack([each for each in found if each is not None]).float().to(pictures.device))

    return through_features


def step(config: PhotosConfig) -> Step:
    """Cross-entropy over classes, by the fast way to the logits."""
    return classification(config.fit.label_smoothing, forward(config))

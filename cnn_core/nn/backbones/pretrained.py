"""From the files that package archives hold to the state dicts of the networks here; converted once, then cached.

Letters: O filters, I channels in, H, W a kernel's sides.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cnn_core.errors import UserError
from cnn_core.fetching import decoded
from cnn_core.fetching.pickles import load_arrays
from cnn_core.fetching.sources import cache_folder, fetch, load_manifest
from cnn_core.nn.backbones.efficientnet import efficientnet_lite0
from cnn_core.nn.backbones.plain import alexnet, vgg16, vgg19

CONVERSION = 1  # counted up when a conversion changes, so that weights converted before are not used

State = dict[str, Tensor]


def from_codebook(path: Path, model: nn.Module) -> State:
    """VGG-19: for each convolution, in order, (O, I, H, W) uint8 numbers into a table of 256 values, and biases.

    It takes BGR; the first filters are turned to RGB.
    """
    stored = _torch_file(path)
    state: State = {}
    names = [name for name, _ in model.named_children() if name.startswith("conv")]
    for name in names:
        block, layer = name.removeprefix("conv").split("_")
        theirs = f"block{block}_conv{layer}"
        weight = stored[f"{theirs}_W_table"][stored[f"{theirs}_W_q"].long()]
        state[f"{name}.conv.weight"] = weight.flip(1) if name == names[0] else weight
        state[f"{name}.conv.bias"] = stored[f"{theirs}_b"]
    return state


def from_lpips(path: Path, model: nn.Module) -> State:
    """VGG-16 and AlexNet: a pickle {net: {Conv_0: {kernel (H, W, I, O), bias}, ...}, ...}; the dense heads are left."""
    with path.open("rb") as stream:
        stored = load_arrays(stream, str(path))
    (net,) = (value for key, value in stored.items() if key in ("VGG16_0", "AlexNet_0"))
    names = [name for name, _ in model.named_children() if name.startswith("conv")]
    state: State = {}
    for number, name in enumerate(names):
        conv = net[f"Conv_{number}"]
        state[f"{name}.conv.weight"] = torch.from_numpy(np.ascontiguousarray(conv["kernel"].transpose(3, 2, 0, 1)))
        state[f"{name}.conv.bias"] = torch.from_numpy(np.array(conv["bias"]))
    return state


def from_same_order(path: Path, model: nn.Module) -> State:
    """EfficientNet-Lite0: the same tensors under other names, in the order in which they are used."""
    stored = list(_torch_file(path).values())
    expected = model.state_dict()
    if [tuple(t.shape) for t in stored] != [tuple(t.shape) for t in expected.values()]:
        raise UserError(f"{path}: its tensors are not those of the network, in order")
    return dict(zip(expected, stored, strict=True))


# name -> (manifest, network without weights, reader)
NETWORKS: dict[str, tuple[str, Callable[[], nn.Module], Callable[[Path, nn.Module], State]]] = {
    "vgg19": ("backbones-vgg19", vgg19, from_codebook),
    "vgg16": ("backbones-lpips", vgg16, from_lpips),
    "alexnet": ("backbones-lpips", alexnet, from_lpips),
    "efficientnet-lite0": ("backbones-efficientnet-lite0", efficientnet_lite0, from_same_order),
}


def pretrained(name: str, progress: bool = True) -> nn.Module:
    """The network `name` of NETWORKS with its weights, in eval mode. Raises UserError where they are not available."""
    dataset, build, convert = NETWORKS[name]
    manifest = load_manifest(dataset)
    (spec,) = (file for entry in manifest.alternatives for file in entry.files if file.role == name)
    key = hashlib.sha256(f"{CONVERSION} {spec.sha256}".encode()).hexdigest()[:12]
    cache = cache_folder() / manifest.dataset / f"{name}-{key}.safetensors"
    with torch.random.fork_rng(devices=[]):  # the random start is thrown away, and must not move the user's numbers
        model = build()
    arrays = decoded.load(cache)
    if arrays is None:
        state = convert(fetch(manifest, progress=progress).role(name), model)
        arrays = {key: value.contiguous().numpy() for key, value in state.items()}
        decoded.save(cache, arrays)
    state = {key: torch.from_numpy(value) for key, value in arrays.items()}
    model.load_state_dict(state, assign=True)
    return model.eval()


def imagenet_names(progress: bool = True) -> tuple[str, ...]:
    """The first of each class's WordNet names, in the order of the 1,000 classes; where two share it, with a number."""
    path = fetch(load_manifest("backbones-imagenet-names"), progress=progress).role("names")
    synonyms: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    names = [synonyms[str(number)].partition(",")[0] for number in range(len(synonyms))]
    return tuple(f"{name} ({number})" if names.count(name) > 1 else name for number, name in enumerate(names))


def _torch_file(path: Path) -> dict[str, Any]:
    """A state dict that holds tensors and nothing else."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(f"{path}: not a file of weights and nothing else ({error})") from error

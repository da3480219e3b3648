"""The networks, one file for each axis that the filters move along: `nets/along_*.py` and `nets/broadcast.py`.

Every network takes samples (B, L); its front end gives (B, 1, 40, T).
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from apps.speech.config import NetConfig, SpeechConfig
from apps.speech.front import LogMel
from apps.speech.nets.along_both import res8, trad_fpool3
from apps.speech.nets.along_frequency import one, windows
from apps.speech.nets.along_time import tc_resnet8
from apps.speech.nets.broadcast import bc_resnet
from apps.speech.nets.causal import tc_resnet8_stream
from apps.speech.signal.audio import LENGTH
from apps.speech.signal.frames import BANDS, FRAMES
from apps.speech.signal.running import RunningLogMel

NETWORKS = {
    "windows": windows,
    "one-fpool3": one,
    "one-fstride4": one,
    "one-fstride8": one,
    "tc-resnet8": tc_resnet8,
    "tc-resnet8-stream": tc_resnet8_stream,
    "res8": res8,
    "trad-fpool3": trad_fpool3,
    "bc-resnet": bc_resnet,
}


def example(config: SpeechConfig) -> Tensor:
    """Two clips (2, L) int16 of soft noise."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-1000, 1001, (2, LENGTH), generator=generator, dtype=torch.int16)


def build(config: SpeechConfig, labels: tuple[str, ...]) -> nn.Module:
    """The network of `config` with one output for each label: samples (B, L) to logits (B, classes)."""
    bands = config.front.coefficients if config.front.kind == "mfcc" else BANDS
    front = (RunningLogMel if config.streams else LogMel)(config.front, config.augment)
    return nn.Sequential(OrderedDict(front=front, **layers(config.net, len(labels), bands)))


def layers(net: NetConfig, classes: int, bands: int = BANDS, frames: int = FRAMES) -> OrderedDict[str, nn.Module]:
    """The layers behind the front end, (B, 1, bands, frames) to logits, by name."""
    return NETWORKS[net.kind](net, classes, bands, frames)

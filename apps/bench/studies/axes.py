"""axes: along which axis filters move; speech along frequency, time or both, text along time or in the plane.

The lecture: in a spectrogram filters move along frequency, in a sentence along time, for the other axis means nothing
there. Letters: B batch, C numbers of a word vector, T words.
"""

from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from apps.bench.studies.domains import Domain
from apps.bench.studies.options import study_main
from apps.bench.studies.rivals import Build
from apps.bench.studies.study import Group, Study, Variant, app_named, best_of, part
from cnn_core.nn.blocks import GlobalPool

PRESETS = ("time", "frequency", "one-fpool3", "plane", "broadcast")


def main(args: list[str]) -> int:
    """Run the study."""
    return study_main("axes", study, args, apps=("speech", "text"))


def study(domains: list[Domain], mode: str) -> Study:
    """A group for each of speech and text."""
    groups = [_text(domain) if domain.app == "text" else _speech(domain, mode) for domain in domains]
    return Study("axes", "Along which axis should filters move?", tuple(groups), best_of)


def _speech(domain: Domain, mode: str) -> Group:
    presets = app_named("speech").presets
    base = domain.net("max", domain.width)
    change = partial(part, share=domain.share) if mode == "quick" else None
    variants = [Variant(n, "speech", replace(base, net=presets[n].net), change=change) for n in PRESETS]
    return Group("speech: axis of the filters", tuple(variants))


def _text(domain: Domain) -> Group:
    config = domain.net("max", domain.width)
    plane = in_the_plane(app_named("text").build, domain.width)
    variants = (
        Variant("along time, over the whole vector", "text", config),
        Variant("in the plane, 3 numbers by 3 words", "text", config, build=plane),
    )
    return Group("text: axis of the filters", variants)


class Image(nn.Module):
    """Word vectors (B, C, T) as a grey picture (B, 1, C, T), at least 3 words wide."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, 1, C, T)."""
        return nn.functional.pad(x, (0, max(0, 3 - x.shape[2])))[:, None]


def in_the_plane(build: Build, filters: int) -> Build:
    """The same front end, then a 3x3 convolution over numbers and words, and its maximum over all places."""

    def build_plane(config: Any, labels: tuple[str, ...], **fitted: Any) -> nn.Module:
        front = build(config, labels, **fitted).get_submodule("front")
        parts = OrderedDict(
            front=front,
            image=Image(),
            conv1=nn.Sequential(OrderedDict(conv=nn.Conv2d(1, filters, 3), act=nn.ReLU())),
            global_pool=GlobalPool("max"),
            dropout=nn.Dropout(config.net.dropout),
            output=nn.Linear(filters, len(labels)),
        )
        return nn.Sequential(parts)

    return build_plane

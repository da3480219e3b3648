"""predict: as every app does; what is unlike the training pictures is "none of these"."""

from __future__ import annotations

from dataclasses import dataclass

from cnn_core.verbs import predict as shared
from cnn_core.verbs.common import parser


@dataclass(frozen=True, kw_only=True)
class PredictOptions(shared.PredictOptions):
    """Options of predict."""

    none: str = "1%"
    """Answer "none of these" where a picture is less like the training data than all but this share of held-out
    samples; 0 never does."""


parse = parser(PredictOptions, "The most probable classes of your own files, folders of them, or standard input.")
run = shared.run

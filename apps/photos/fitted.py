"""FittedPhotos: how pictures are framed and what their colours are, which a run keeps; no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, get_args

from apps.photos.config import Frame, PhotosConfig
from cnn_core.errors import UserError


@dataclass(frozen=True)
class FittedPhotos:
    """What the training pictures decide beside the labels, and what `read` must know to prepare one more."""

    side: int
    frame: Frame
    mean: tuple[float, float, float]
    """Of R, G, B over the training pictures, 0 to 255."""
    sd: tuple[float, float, float]

    def to_json(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> FittedPhotos:
        """What `to_json` gave. Raises UserError for anything else."""
        try:
            mean, sd = _three(data["mean"]), _three(data["sd"])
            side, frame = int(data["side"]), data["frame"]
            if not min(sd) > 0:
                raise ValueError("sd must be above 0")
            if not 8 <= side <= 512 or frame not in get_args(Frame):
                raise ValueError(f"no such frame: {side} {frame}")
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"the run's record of its pictures is damaged ({error}); train again") from error
        return cls(side, frame, mean, sd)


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue


def nominal(config: PhotosConfig) -> FittedPhotos:
    """The usual colours, to look at a network before there are pictures."""
    return FittedPhotos(config.side, config.frame, (120.0, 120.0, 120.0), (64.0, 64.0, 64.0))

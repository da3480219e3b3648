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
            mean, sd = (tuple(float(value) for value in data[name]) for name in ("mean", "sd"))
            side, frame = int(data["side"]), data["frame"]
            if len(mean) != 3 or len(sd) != 3 or not all(value > 0 for value in sd):
                raise ValueError("mean and sd are three numbers each")
            if not 8 <= side <= 512 or frame not in get_args(Frame):
                raise ValueError(f"no such frame: {side} {frame}")
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"the run's record of its pictures is damaged ({error}); train again") from error
        return cls(side, frame, (mean[0], mean[1], mean[2]), (sd[0], sd[1], sd[2]))


def nominal(config: PhotosConfig) -> FittedPhotos:
    """The usual colours, to look at a network before there are pictures."""
    return FittedPhotos(config.side, config.frame, (120.0,) * 3, (64.0,) * 3)

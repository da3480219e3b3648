"""Animations: GIF, and MP4 through the optional package imageio-ffmpeg."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnn_core import optional
from cnn_core.errors import UserError, first_line
from cnn_core.files import atomic

Array = np.ndarray


def gif(frames: Sequence[Array], path: str | Path, *, milliseconds: int = 80, hold: int = 1000) -> Path:
    """Write an animation; frames (H, W) or (H, W, 3) in 0..1 are enlarged to the size of the largest.

    The last frame stays for `hold` milliseconds. Raises UserError for no frames and when it cannot be written.
    """
    from PIL import Image  # only when an animation is written

    pictures = [Image.fromarray(pixels).quantize(255) for pixels in _alike(frames)]
    final = Path(path)
    with atomic(final) as temporary:
        pictures[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=[milliseconds] * (len(pictures) - 1) + [hold],
            loop=0,
        )
    return final


def mp4(frames: Sequence[Array], path: str | Path, *, per_second: float = 12.0, hold: float = 1.0) -> Path:
    """Write a film (H.264); frames as of `gif`. The last one stays for `hold` seconds.

    Raises UserError for no frames, where imageio-ffmpeg is missing, and when it cannot be written.
    """
    ffmpeg: Any = optional.require("imageio_ffmpeg", "MP4")
    final = Path(path)
    pictures = list(_alike(frames, even=True))
    pictures += [pictures[-1]] * round(hold * per_second)
    height, width = pictures[0].shape[:2]
    with atomic(final) as temporary:
        film = temporary.with_name(temporary.name + ".mp4")  # ffmpeg chooses the container by the ending
        writer = ffmpeg.write_frames(
            str(film), (width, height), fps=per_second, macro_block_size=2, ffmpeg_log_level="error"
        )
        try:
            writer.send(None)
            for picture in pictures:
                writer.send(np.ascontiguousarray(picture))
            writer.close()
            film.replace(temporary)
        except OSError as error:
            raise UserError(f"cannot write {final}: {first_line(error)}") from error
        finally:
            film.unlink(missing_ok=True)
    return final


def _alike(frames: Sequence[Array], even: bool = False) -> Iterator[np.ndarray]:
    """The frames as (H, W, 3) bytes of the size of the largest; `even` sides where a film needs them."""
    from PIL import Image  # only when an animation is written

    if not frames:
        raise UserError("an animation needs at least one frame")
    height, width = (max(frame.shape[axis] for frame in frames) for axis in (0, 1))
    if even:
        height, width = height + height % 2, width + width % 2
    for frame in frames:
        pixels = (np.clip(frame, 0, 1) * 255).round().astype(np.uint8)
        yield np.array(Image.fromarray(pixels).convert("RGB").resize((width, height), Image.Resampling.BICUBIC))

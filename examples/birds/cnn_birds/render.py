"""Draw one song."""

from cnn_core.drawing.heat import tinted


def render(song, heat=None):
    """(32, 32) uint8 -> a picture; with `heat` (32, 32), red where it speaks for the answer, blue against."""
    return song if heat is None else tinted(song, heat)

"""Codecs and containers that libsndfile cannot decode, recognized by a file's first bytes; how to convert them."""

from __future__ import annotations

import shlex
import struct
from pathlib import Path

HEAD = 4096  # bytes in which a WAV file has its format chunk
PCM = (0x1, 0x3)  # integers, floats: such a file is damaged where it cannot be read
EXTENSIBLE = 0xFFFE

# WAVE format tags, RFC 2361 and mmreg.h.
WAV_CODECS = {
    0x2: "Microsoft ADPCM",
    0x6: "A-law",
    0x7: "mu-law",
    0x11: "IMA ADPCM",
    0x14: "G.723 ADPCM",
    0x16: "G.723.1",
    0x22: "TrueSpeech",
    0x31: "GSM 6.10",
    0x32: "MSN Audio",
    0x40: "G.721 ADPCM",
    0x42: "G.723.1",
    0x45: "G.726 ADPCM",
    0x50: "MPEG layer 2",
    0x55: "MP3",
    0x64: "G.726 ADPCM",
    0x65: "G.722 ADPCM",
    0x83: "G.729",
    0xFF: "AAC",
    0x130: "ACELP",
    0x160: "WMA 1",
    0x161: "WMA",
    0x162: "WMA Pro",
    0x163: "WMA Lossless",
    0x1610: "AAC",
    0x2000: "AC-3",
    0x674F: "Vorbis in WAV",
    0xA109: "Speex",
}

# (offset, signature, name)
CONTAINERS = (
    (4, b"ftyp", "MPEG-4 audio (AAC or ALAC)"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (0, b"#!AMR", "AMR"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "Windows Media (WMA)"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
)


def undecodable(head: bytes) -> str:
    """Name of the codec or container that begins with the bytes `head`, or "" where it is none of these."""
    for offset, signature, name in CONTAINERS:
        if head[offset : offset + len(signature)] == signature:
            return name
    tag = _wav_format(head)
    return "" if tag is None or tag in PCM else f"{WAV_CODECS.get(tag, 'unknown codec')} (WAV codec {tag})"


def way_out(path: Path | None) -> str:
    """The command that converts the file at `path`; None is standard input."""
    if path is None:
        return "convert it first: ffmpeg -i INPUT OUTPUT.wav"
    out = path.with_suffix(".wav") if path.suffix.lower() != ".wav" else path.with_name(f"{path.stem}-pcm.wav")
    return f"convert it: ffmpeg -i {shlex.quote(path.name)} {shlex.quote(out.name)}"


def _wav_format(head: bytes) -> int | None:
    """The format tag of a WAV file (of an extensible one, that of its subformat), or None."""
    if head[:4] not in (b"RIFF", b"RF64", b"RIFX") or head[8:12] != b"WAVE":
        return None
    order = ">" if head[:4] == b"RIFX" else "<"
    place = 12
    while place + 8 <= len(head):
        (size,) = struct.unpack_from(f"{order}I", head, place + 4)
        if head[place : place + 4] == b"fmt ":
            for offset in (8, 32):  # the subformat begins with a tag of the same list
                if place + offset + 2 > len(head):
                    return None
                (tag,) = struct.unpack_from(f"{order}H", head, place + offset)
                if tag != EXTENSIBLE:
                    return tag
            return None
        place += 8 + size + size % 2
    return None

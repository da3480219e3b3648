"""A sentence encoder of the BERT family by source: a data set with a manifest, or a folder of its three files.

    config.json         its shape, as the library transformers writes it
    vocab.txt           its pieces of words, one a line, by number
    model.safetensors   its weights

No torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from apps.text.words.vocabulary import BERT_PAD, BERT_UNKNOWN, EncoderShape, Vocabulary, piece_vocabulary
from cnn_core import bounded
from cnn_core.errors import UserError
from cnn_core.fetching.sources import available, fetch, load_manifest

CONFIG, PIECES, WEIGHTS = "config.json", "vocab.txt", "model.safetensors"
LARGEST = 64 << 20  # bytes of a list of pieces


@dataclass(frozen=True)
class EncoderFiles:
    """Where the files of an encoder are."""

    config: Path
    pieces: Path
    weights: Path


def is_encoder(source: str) -> bool:
    """Whether a source of word vectors is an encoder, whose vectors depend on the whole text."""
    if not source:
        return False
    if Path(source).expanduser().is_dir():
        return True
    return source in available() and load_manifest(source).alternatives[0].reader == "encoder"


def encoder_files(source: str) -> EncoderFiles:
    """The files of a source, fetched where they have to be. Raises UserError where one is missing."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        found = fetch(load_manifest(source))
        return EncoderFiles(found.role("config"), found.role("vocabulary"), found.role("weights"))
    files = EncoderFiles(folder / CONFIG, folder / PIECES, folder / WEIGHTS)
    for path in vars(files).values():
        if not path.is_file():
            raise UserError(
                f"--vectors.source {source}: has no {path.name}; the folder of an encoder holds {CONFIG}, {PIECES}"
                f" and {WEIGHTS}"
            )
    return files


def read_shape(path: Path) -> EncoderShape:
    """The shape in a config.json. Raises UserError for other than BERT's architecture."""
    data = bounded.read_json(path)
    try:
        kind = (data["model_type"], data.get("hidden_act", "gelu"), data.get("position_embedding_type", "absolute"))
        if kind != ("bert", "gelu", "absolute"):
            raise UserError(f"{path}: is of the kind {', '.join(map(str, kind))}; bert, gelu, absolute can be read")
        names = ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size",
                 "max_position_embeddings")  # fmt: skip
        return EncoderShape(*(int(data[name]) for name in names))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: is not the configuration of a BERT encoder ({error})") from None


def read_pieces(path: Path, longest: int) -> Vocabulary:
    """The pieces in a vocab.txt as a vocabulary. Raises UserError where BERT's special pieces are missing."""
    try:
        return piece_vocabulary(_lines(path), longest)
    except ValueError as error:
        raise UserError(f"{path}: is not a list of word pieces ({error})") from None


def row_order(path: Path) -> list[int]:
    """For each word of that vocabulary, its line in vocab.txt, which is its row in the encoder's table."""
    pieces = _lines(path)
    first = [pieces.index(BERT_PAD), pieces.index(BERT_UNKNOWN)]
    return first + [number for number in range(len(pieces)) if number not in first]


def _lines(path: Path) -> list[str]:
    return bounded.read_text(path, LARGEST).removesuffix("\n").split("\n")

"""Word vectors by source: a data set with a manifest, a file, or word2vec trained on the training texts.

Letters: V words, D dimensions of a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from apps.text.words import vector_files
from cnn_core.console import counted, note
from cnn_core.errors import UserError
from cnn_core.fetching.sources import available, fetch, load_manifest

WORD2VEC = "word2vec"


def width(source: str, word2vec: int) -> int:
    """D of the vectors of `source`; `word2vec` for those trained here, 0 without a source."""
    if not source:
        return 0
    if source == WORD2VEC:
        return word2vec
    table = _manifest_table(source)
    return table[0].shape[1] if table else vector_files.width(_file(source))


def frequent_words(source: str, count: int) -> list[str]:
    """The first `count` words of the source, which are the most frequent ones in the usual files."""
    if source == WORD2VEC:
        return []
    table = _manifest_table(source)
    return table[1][:count] if table else vector_files.words(_file(source), count)


def look_up(source: str, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(vectors (V, D) float32, found (V,) bool) of the words; those not found have zeros.

    A word that the source has in capitals only ("I", "Paris") is found in that form, and one with capitals that it
    lacks in lower case. Raises UserError where the source is not available, cannot be read, or has none of the words.
    """
    table = _manifest_table(source)

    def asked(words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        if table is None:
            return vector_files.look_up(_file(source), words)
        return vector_files.look_up_listed(*table, words)

    vectors, found = asked(words)
    capitals = [number for number, word in enumerate(words) if not found[number] and word != word.lower()]
    if capitals:
        vectors[capitals], found[capitals] = asked([words[number].lower() for number in capitals])
    if not found.any():
        raise UserError(f"{source}: has no vector for any of the {len(words)} words; check its language and case")
    return vectors, found


def train_word2vec(
    texts: Iterable[list[str]], words: Sequence[str], size: int, seed: int, epochs: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """The same for word2vec (skip-gram, Mikolov et al. 2013) trained by gensim on tokenized texts; one thread."""
    try:
        from gensim.models import Word2Vec
    except ImportError:
        raise UserError("word2vec needs gensim, up to Python 3.13: pip install 'cnn-suite[text]'") from None
    texts = [row for row in texts if row]
    if not texts:
        raise UserError("word2vec needs texts with words")
    trained = Word2Vec(texts, vector_size=size, min_count=1, sg=1, epochs=epochs, seed=seed, workers=1)
    trained_words = trained.wv.key_to_index
    found = np.array([word in trained_words for word in words])
    vectors = np.zeros((len(words), size), np.float32)
    vectors[found] = trained.wv[[word for word in words if word in trained_words]]
    note(
        f"word2vec: {counted(len(trained_words), 'word')} from {counted(len(texts), 'text')},"
        f" {counted(epochs, 'pass', 'passes')}"
    )
    return vectors, found


def _manifest_table(source: str) -> tuple[np.ndarray, list[str]] | None:
    """(table (V, D) mapped into memory, its words) of a source with a manifest; None for others."""
    if source not in available() or Path(source).exists():
        return None
    fetched = fetch(load_manifest(source))
    if fetched.alternative.reader != "npy-parquet":
        raise UserError(f"{source}: is not a data set of word vectors; glove-50d is one")
    return vector_files.mapped(fetched.role("table"), fetched.role("index"))


def _file(source: str) -> Path:
    path = Path(source).expanduser()
    if not path.is_file():
        raise UserError(f"--vectors.source {source}: no such file (or give glove-50d, or word2vec)")
    return path

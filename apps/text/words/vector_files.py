"""Files of word vectors, read once and a piece at a time: only the rows of the words in question stay in memory.

Text (GloVe .txt, word2vec and fastText .vec, with or without a first line "V D"), word2vec's .bin, either of them
gzipped, fastText's .bin format (through gensim), and a .npy table with a list of words: a file of the same name that
ends in .txt or .vocab, a word a line, or a parquet file. A word that is there with capitals only ("I", "Paris") is
found in lower case, which is how most tokenizers write it.
Letters: V words, D dimensions of a vector.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from cnn_core import bounded
from cnn_core.errors import UserError, first_line

FASTTEXT_MAGIC = (793712314).to_bytes(4, "little")
PIECE = 1 << 22
LONGEST_LINE = 1 << 20  # bytes
WIDEST = 16_384  # numbers a word
UNPACKED = 256 << 20  # bytes, see `cnn_core.bounded`
TABLE = 512 << 20  # bytes of the vectors that a vocabulary asks for


def mapped(table: Path, index: Path) -> tuple[np.ndarray, list[str]]:
    """A .npy table (V, D), mapped and not loaded, and its words from a parquet file of one column."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise UserError(f"{index.name}: needs the package pyarrow: pip install pyarrow") from None
    return np.load(table, mmap_mode="r"), parquet.read_table(index).column(0).to_pylist()


def listed(path: Path) -> tuple[np.ndarray, list[str]]:
    """A .npy table (V, D), mapped, and the words of the file .txt or .vocab beside it; what follows a word (its count)
    after a blank does not count.

    Raises UserError where the list is missing or has another length, and where the table does not hold (V, D) numbers.
    """
    beside = [path.with_suffix(suffix) for suffix in (".vocab", ".txt")]
    index = next((each for each in beside if each.is_file()), None)
    if index is None:
        raise UserError(
            f"{path}: needs a list of its words beside it, a word a line: {beside[0].name} or {beside[1].name}"
        )
    try:
        table = np.load(path, mmap_mode="r", allow_pickle=False)
        lines = bounded.read_text(index, UNPACKED).removeprefix("\ufeff").removesuffix("\n").split("\n")
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: cannot be read with {index.name} ({first_line(error)})") from None
    if table.ndim != 2 or table.dtype.kind != "f" or not table.shape[1]:
        raise UserError(f"{path}: must be a table (words, dimensions) of floats, not {table.shape} {table.dtype}")
    if len(lines) != len(table):
        raise UserError(f"{path}: has {len(table)} rows, and {index.name} has {len(lines)} words")
    return table, [(line.split() or [""])[0] for line in lines]


def look_up_listed(table: np.ndarray, names: Sequence[str], words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(vectors (V, D) float32, found (V,) bool) of the words in a table whose rows have these names."""
    places, capitals = places_of(names)
    numbers = np.array([places.get(word, capitals.get(word, -1)) for word in words])
    found = numbers >= 0
    vectors = np.zeros((len(words), table.shape[1]), np.float32)
    vectors[found] = table[numbers[found]]
    return vectors, found


def places_of(names: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """(name -> its first row, lower-case form of a name with capitals -> its first row)."""
    places: dict[str, int] = {}
    capitals: dict[str, int] = {}
    for number, name in enumerate(names):
        places.setdefault(name, number)
        lower = name.lower()
        if lower != name:
            capitals.setdefault(lower, number)
    return places, capitals


def width(path: Path) -> int:
    """D of a file. Raises UserError when it is not a file of word vectors."""
    if path.suffix == ".npy":
        return listed(path)[0].shape[1]
    if _is_fasttext(path):
        return _fasttext(path).vector_size
    if path.suffix == ".bin" or path.name.endswith(".bin.gz"):
        return _head(path)[1]
    with _opened(path) as stream:
        for _, row in _text_rows(stream, path, NOTHING):
            if row is not None:
                return len(row)
    raise UserError(f"{path}: holds no word vectors")


def words(path: Path, count: int) -> list[str]:
    """The first `count` words of a file."""
    if path.suffix == ".npy":
        return listed(path)[1][:count]
    if _is_fasttext(path):
        return _fasttext(path).index_to_key[:count]
    return [word.decode("utf-8", "replace") for word, _ in islice(_rows(path, NOTHING), count)]


def look_up(path: Path, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(vectors (V, D) float32, found (V,) bool) of the words; zeros where the file lacks one.

    Raises UserError for a file that is truncated, has rows of different widths, or does not hold word vectors.
    """
    if path.suffix == ".npy":
        vectors, found = look_up_listed(*listed(path), words)
    elif _is_fasttext(path):
        model = _fasttext(path)
        keys = model.index_to_key
        places, capitals = places_of(keys)
        forms = [word if word in places else keys[capitals[word]] if word in capitals else word for word in words]
        vectors = np.stack([model[form] for form in forms]).astype(np.float32)  # made of parts where it is unknown
        found = np.array([form in places for form in forms]) | vectors.any(1)
    else:
        vectors, found = _look_up_rows(path, words)
    if not np.isfinite(vectors).all():
        raise UserError(f"{path}: holds numbers that are not finite")
    return vectors, found


def _look_up_rows(path: Path, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    size = width(path)
    if 4 * size * len(words) > bounded.limit(TABLE):
        raise bounded.too_large(str(path), bounded.limit(TABLE), f"{len(words)} words of {size} numbers are more than")
    places = Places({word.encode(): number for number, word in enumerate(words)})
    vectors = np.zeros((len(words), size), np.float32)
    found, exact = np.zeros(len(words), bool), np.zeros(len(words), bool)
    for word, row in _rows(path, places):
        number = places.number(word)
        if number is None or row is None:
            continue
        as_it_is = word in places.exact
        if not found[number] or (as_it_is and not exact[number]):  # a word in lower case counts before its capitals
            vectors[number], found[number], exact[number] = row, True, as_it_is
            if exact.all():
                break
    return vectors, found


class Places:
    """The numbers of the words that are looked up, also in forms with capitals."""

    def __init__(self, exact: dict[bytes, int]):
        self.exact = exact

    def number(self, word: bytes) -> int | None:
        """The number of the word, or of its lower-case form."""
        number = self.exact.get(word)
        if number is not None:
            return number
        lower = word.lower() if word.isascii() else word.decode("utf-8", "replace").lower().encode()
        return None if lower == word else self.exact.get(lower)

    def __contains__(self, word: bytes) -> bool:
        return self.number(word) is not None


NOTHING = Places({})


def _rows(path: Path, numbers: Places) -> Iterator[tuple[bytes, np.ndarray | None]]:
    """(word, its vector, or None where the word is not in `numbers`)."""
    binary = path.suffix == ".bin" or path.name.endswith(".bin.gz")
    with _opened(path) as stream:
        yield from (_binary_rows if binary else _text_rows)(stream, path, numbers)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with bounded.opened(path, UNPACKED) as stream:
        yield stream


def _lines(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise UserError(f"{path}: a line of more than {LONGEST_LINE} bytes is not a word with its vector")
        yield line


def _text_rows(stream: IO[bytes], path: Path, numbers: Places) -> Iterator[tuple[bytes, Any]]:
    size = 0
    for number, line in enumerate(_lines(stream, path), start=1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
            counts = line.split()
            if len(counts) == 2 and all(map(bytes.isdigit, counts)):
                size = int(counts[1])
                continue
            size = _numbers_at_the_end(line.split())
            if 0 < size < len(counts) - 1:  # blanks in the first word, which no word of a text has
                row = np.array(counts[-size:], np.float32)
                yield b" ".join(counts[:-size]), row
                continue
            size = 0
        word, _, rest = line.rstrip().partition(b" ")
        if size and word not in numbers and number > 2:
            yield word, None  # most lines: nothing is parsed
            continue
        if not rest:
            if word:
                raise UserError(f"{path}: line {number} is not a word with its vector")
            continue
        try:
            row = np.array(rest.split(), np.float32)
        except ValueError:
            parts = line.split()
            if 0 < size <= _numbers_at_the_end(parts):  # a word with blanks inside, as GloVe's largest files have some
                yield b" ".join(parts[:-size]), np.array(parts[-size:], np.float32)
                continue
            raise UserError(f"{path}: line {number} is not a word with its vector") from None
        size = size or len(row)
        if len(row) != size:
            raise UserError(f"{path}: line {number} has {len(row)} numbers, and {size} are expected")
        yield word, row
    if not size:
        raise UserError(f"{path}: holds no word vectors")


def _numbers_at_the_end(parts: Sequence[bytes]) -> int:
    """How many parts at the end are numbers, the first part never."""
    count = 0
    for part in reversed(parts[1:]):
        try:
            float(part)
        except ValueError:
            break
        count += 1
    return count


def _head(path: Path) -> tuple[int, int]:
    with _opened(path) as stream:
        return _counts(stream.readline(100), path)


def _counts(line: bytes, path: Path) -> tuple[int, int]:
    parts = line.split()
    if len(parts) != 2 or not all(map(bytes.isdigit, parts)) or not 0 < int(parts[1]) <= WIDEST:
        raise UserError(
            f"{path}: is not a binary file of word2vec or fastText; the name of a text file must end in .txt or .vec"
        )
    return int(parts[0]), int(parts[1])


def _binary_rows(stream: IO[bytes], path: Path, numbers: Places) -> Iterator[tuple[bytes, Any]]:
    count, size = _counts(stream.readline(100), path)
    piece, at, row = b"", 0, 4 * size
    for _ in range(count):
        end = piece.find(b" ", at)
        if end < 0 or end + 1 + row > len(piece):
            piece, at = piece[at:] + stream.read(max(PIECE, 2 * row)), 0
            end = piece.find(b" ")
            if end < 0 or end + 1 + row > len(piece):
                raise UserError(f"{path}: is truncated: it holds fewer than its {count} words")
        word = piece[at:end].lstrip(b"\n")
        at = end + 1 + row
        yield word, np.frombuffer(piece, np.float32, size, end + 1) if word in numbers else None


def _is_fasttext(path: Path) -> bool:
    if path.suffix != ".bin":
        return False
    with _opened(path) as stream:
        return stream.read(4) == FASTTEXT_MAGIC


def _check_fasttext(path: Path) -> None:
    """Raise UserError where the header claims a table of vectors that the file is too small to hold.

    The header is that of fastText's `Args::save` and `Dictionary::save`: magic and version, twelve int32 and a double;
    then the numbers of entries, words and labels, two int64 (https://github.com/facebookresearch/fastText).
    """
    with _opened(path) as stream:
        head = stream.read(92)
    if len(head) < 92:
        raise UserError(f"{path}: not a readable fastText model (its header is cut short)")
    _, _, size, *_, bucket, _, _, _, _, entries, words, _, _, _ = struct.unpack("<14id3i2q", head)
    needed = 4 * size * (words + bucket)
    if not 0 < size <= WIDEST or not 0 < words <= entries or bucket < 0 or needed > path.stat().st_size:
        raise UserError(
            f"{path}: not a readable fastText model: {words} words and {bucket} parts of {size} numbers do not fit into"
            f" {path.stat().st_size} bytes"
        )


def _fasttext(path: Path) -> Any:
    _check_fasttext(path)
    try:
        from gensim.models.fasttext import load_facebook_vectors
    except ImportError:
        needed = "gensim, up to Python 3.13: pip install 'cnn-suite[text]'"
        raise UserError(f"{path}: fastText's .bin files need {needed}") from None
    try:
        return load_facebook_vectors(str(path))
    except Exception as error:  # gensim checks little: damage ends in what reading past the end or numpy raise
        raise UserError(f"{path}: is not a readable fastText model ({first_line(error)})") from None

"""Character sets of SGF files: the codec of a record, and bytes that can be cut into tokens safely.

SGF FF[4], property CA: the charset of SimpleText and Text, ISO-8859-1 where it is missing. The second byte of a
character of Shift-JIS, GBK or Big5 may be 5C or 5D, a backslash or a bracket of SGF. So those characters are masked
before tokens are cut: the masked copy has the length of the file, and every offset holds in both.
"""

import codecs
import re
from dataclasses import dataclass

LATIN = "latin-1"
PRINTABLE = bytes(range(32, 127)).decode("ascii")
# Records that name the older standard often have characters of the vendor's larger set, which contains it.
SUPERSETS = {"shift_jis": "cp932", "shift_jisx0213": "cp932", "shift_jis_2004": "cp932", "gb2312": "gb18030"}
SUPERSETS |= {"gbk": "gb18030", "big5": "cp950", "euc_kr": "cp949"}
DOUBLE = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
# Between ESC $ and ESC ( all bytes are halves of characters.
ESCAPED = re.compile(rb"\x1b\$[^\x1b]*+\x1b\(")
MASKS = {"cp932": re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]")}
MASKS |= dict.fromkeys(("gb18030", "cp950", "big5hkscs", "cp949"), DOUBLE)
MASKS |= dict.fromkeys((f"iso2022_jp{n}" for n in ("", "_1", "_2", "_2004", "_3", "_ext")), ESCAPED)
MASKS["iso2022_kr"] = re.compile(rb"\x0e[^\x0f]*+\x0f")


@dataclass(frozen=True)
class Source:
    """The bytes of an SGF file, in a charset whose ASCII is ASCII."""

    data: bytes
    """As in the file; a UTF-16 file is UTF-8 here."""
    charset: str = ""
    """Codec that a byte order mark names: utf-8, utf-16-le or utf-16-be; "" without one."""

    def encode(self, data: bytes) -> bytes:
        """Changed `data` in the charset of the file."""
        if not self.charset.startswith("utf-16"):
            return data
        return data.decode("utf-8", "surrogatepass").encode(self.charset, "surrogatepass")


def read_marks(data: bytes) -> Source:
    """The source of a file's bytes: a byte order mark (UTF-8, UTF-16) counts for more than CA."""
    if data.startswith(codecs.BOM_UTF8):
        return Source(data, "utf-8")
    for mark, charset in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            whole = data[: len(data) // 2 * 2]  # half a character at the end of a file that was cut off
            return Source(whole.decode(charset, "surrogatepass").encode("utf-8", "surrogatepass"), charset)
    return Source(data)


def codec(name: str) -> str:
    """Python's codec for a value of CA: latin-1 for unknown names and for charsets whose ASCII is not ASCII."""
    name = name.strip().lower().removeprefix("x-")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.:+-]{0,39}", name):
        return LATIN
    try:
        found = codecs.lookup(name).name.replace("-", "_")
        found = SUPERSETS.get(found, found)
        return found if PRINTABLE.encode(found) == PRINTABLE.encode("ascii") else LATIN
    except (LookupError, ValueError):  # also UnicodeError, and names that no module can have
        return LATIN


def mask(data: bytes, charset: str) -> bytes:
    """The data with characters of two bytes, where their bytes could be taken for ASCII, as bytes FF."""
    pattern = MASKS.get(charset)
    return pattern.sub(lambda found: b"\xff" * (found.end() - found.start()), data) if pattern else data


def decode(value: bytes, charset: str) -> str:
    """Text of a value. Without a charset UTF-8 where it is that, else latin-1; bad bytes become U+FFFD."""
    if charset:
        return value.decode(charset, "replace")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode(LATIN)

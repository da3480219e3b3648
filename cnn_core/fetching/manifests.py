"""Data manifests: the TOML file of a data set, read into frozen dataclasses.

A manifest names what a data set is (title, licence, citation, classes, splits) and where its files come from.
One data set may be had in several forms, its ALTERNATIVES (MNIST: one pickle in a package archive, or four IDX
files); each alternative names a reader and its files, each file its digest and its network sources in order.
`datasets/README.md` describes the format.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from cnn_core import bounded
from cnn_core.errors import UserError, first_line

ARCHIVE_KEYS = ("archive", "archive_sha256", "member")


@dataclass(frozen=True)
class Source:
    """One place: a URL, or a package archive of an exact version, or a member of either, or beside the manifest.

    With `member` set, what `url` or `package` names is a zip or tar archive with the digest `archive_sha256`.
    `shipped` means that the file lies in the folder of the manifests, in a checkout and in an installed package.
    """

    url: str = ""
    package: str = ""
    version: str = ""
    archive: str = ""
    archive_sha256: str = ""
    member: str = ""
    shipped: bool = False

    def __str__(self) -> str:
        if self.shipped:
            return "the package itself"
        return f"package {self.package} {self.version}" if self.package else self.url


@dataclass(frozen=True)
class FileSpec:
    """One file of an alternative; `role` tells the reader what it holds ("train-images")."""

    name: str
    sha256: str = ""
    md5: str = ""  # weaker; only where nobody has published a sha256
    size: int | None = None  # bytes
    role: str = ""
    sources: tuple[Source, ...] = ()
    folder: Path | None = None  # of the manifest; the suite's when None

    @property
    def shipped(self) -> Path | None:
        """Where the file lies in this package, when it is shipped with it."""
        folder = self.folder or manifest_folder()
        return folder / self.name if any(source.shipped for source in self.sources) else None

    @property
    def digest(self) -> tuple[str, str]:
        """Name and hexadecimal value of the digest that the file is checked against."""
        return ("sha256", self.sha256) if self.sha256 else ("md5", self.md5)


@dataclass(frozen=True)
class Alternative:
    """One complete form of the data set: the files, and the name of the reader that decodes them."""

    reader: str
    files: tuple[FileSpec, ...]


@dataclass(frozen=True)
class Manifest:
    """One data set. `dataset` is the name of its file and of its folder in cache, mirror and data folder."""

    name: str
    dataset: str
    title: str
    description: str
    licence: str
    citation: str
    homepage: str
    classes: tuple[str, ...]
    splits: dict[str, int]  # name -> number of examples
    alternatives: tuple[Alternative, ...]
    arrays: dict[str, str] = field(default_factory=dict)  # role -> sha256 of the decoded array, C order
    options: dict[str, Any] = field(default_factory=dict)  # for the reader


def manifest_folder() -> Path:
    """Folder of the manifests: inside the installed package, or at the root of a checkout."""
    packaged = Path(str(resources.files("cnn_core"))) / "datasets"
    return packaged if packaged.is_dir() else packaged.parent.parent / "datasets"


def manifest_files(own: Path | None = None) -> list[Path]:
    """The manifests of the suite and, before them, those in an app's `own` folder."""
    folders = [own] if own else []
    return [path for folder in (*folders, manifest_folder()) for path in sorted(folder.glob("*.toml"))]


def available(own: Path | None = None) -> list[str]:
    """Names that `load_manifest` knows, sorted; variants as `<data set>-<variant>`."""
    names: list[str] = []
    for path in manifest_files(own):
        variants = _variants(path, _parse(path))
        names += [path.stem, *(f"{path.stem}-{variant}" for variant in variants)]
    return sorted(names)


def load_manifest(name: str, own: Path | None = None) -> Manifest:
    """Read the manifest of that name, from an app's `own` folder or the suite's.

    Raises UserError, naming the known ones, where there is none.
    """
    for path in manifest_files(own):
        if name == path.stem or name.startswith(path.stem + "-"):
            table = _parse(path)
            variants = _variants(path, table)
            variant = table.get("variant", "") if name == path.stem else name[len(path.stem) + 1 :]
            if variant in variants or (name == path.stem and not variant):
                try:
                    return _manifest(path, variant, table)
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    reason = f"lacks {error}" if isinstance(error, KeyError) else first_line(error)
                    raise UserError(f"{path}: not a manifest as datasets/README.md describes it: {reason}") from error
    close = difflib.get_close_matches(name, available(own), n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise UserError(f"no data set is named {name!r}{hint} (known: {', '.join(available(own))})")


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(bounded.read_bytes(path, bounded.TOML).decode("utf-8"))
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise UserError(f"{path}: not a readable manifest: {first_line(error)}") from error


def _variants(path: Path, table: dict[str, Any]) -> dict[str, Any]:
    variants = table.get("variants", {})
    if not isinstance(variants, dict) or not all(isinstance(value, dict) for value in variants.values()):
        raise UserError(f"{path}: not a manifest as datasets/README.md describes it: variants must be tables")
    if not isinstance(table.get("variant", ""), str):
        raise UserError(f"{path}: not a manifest as datasets/README.md describes it: variant must be a string")
    return variants


def _manifest(path: Path, variant: str, table: dict[str, Any]) -> Manifest:
    dataset, table = path.stem, dict(table)
    variants = table.pop("variants", {})
    table.pop("variant", None)
    options = table.pop("options", {})
    if variant:
        chosen = dict(variants[variant])
        options = options | chosen.pop("options", {})
        table |= chosen
    classes = table.pop("classes")
    _check_types(table, classes, options)
    alternatives = tuple(_alternative(entry, path.parent) for entry in table.pop("alternatives"))
    name = f"{dataset}-{variant}" if variant else dataset
    return Manifest(
        name=name, dataset=dataset, classes=tuple(classes), alternatives=alternatives, options=options, **table
    )


def _check_types(table: dict[str, Any], classes: Any, options: Any) -> None:
    """Raise TypeError where a value is not of the kind that readers take it for."""
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise TypeError("classes must be a list of strings")
    for name in ("title", "description", "licence", "citation", "homepage"):
        if not isinstance(table.get(name, ""), str):
            raise TypeError(f"{name} must be a string")
    tables = {"splits": table.get("splits", {}), "arrays": table.get("arrays", {}), "options": options}
    for name, value in tables.items():
        if not isinstance(value, dict):
            raise TypeError(f"{name} must be a table")
    for name, kind in (("splits", int), ("arrays", str)):
        if not all(isinstance(value, kind) for value in tables[name].values()):
            raise TypeError(f"the values of {name} must be of type {kind.__name__}")


def _alternative(table: dict[str, Any], folder: Path) -> Alternative:
    return Alternative(table["reader"], tuple(_file(entry, folder) for entry in table["files"]))


def _file(table: dict[str, Any], folder: Path) -> FileSpec:
    table = dict(table)
    spec = FileSpec(folder=folder, sources=tuple(Source(**entry) for entry in table.pop("sources", ())), **table)
    texts = [spec.name, spec.sha256, spec.md5, spec.role]
    texts += [text for source in spec.sources for name, text in vars(source).items() if name != "shipped"]
    if not all(isinstance(text, str) for text in texts) or not isinstance(spec.size, int | None):
        raise TypeError(f"{spec.name}: names, digests and places must be strings, and the size a number")
    if not spec.digest[1]:
        raise ValueError(f"{spec.name}: a file in a manifest needs a sha256 (or an md5)")
    if Path(spec.name).name != spec.name:
        raise ValueError(f"{spec.name}: a file in a manifest is a plain name without folders")
    for source in spec.sources:
        if bool(source.url) + bool(source.package) + source.shipped != 1:
            raise ValueError(f"{spec.name}: a source needs either a url or a package, or is shipped")
        if source.package and not (source.version and source.archive and source.archive_sha256 and source.member):
            raise ValueError(f"{spec.name}: a package needs version, {', '.join(ARCHIVE_KEYS)}")
        if source.member and not source.archive_sha256:
            raise ValueError(f"{spec.name}: a member needs the sha256 of its archive")
    return spec

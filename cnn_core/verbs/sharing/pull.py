"""pull: a network that somebody handed on, verified file by file, as a run folder of one's own."""

from __future__ import annotations

import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.networks import bundle, hub
from cnn_core.networks.record import record_at
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser


@dataclass(frozen=True, kw_only=True)
class PullOptions(Shared):
    """Options of pull."""

    source: positional(str)  # type: ignore[valid-type]
    """Folder that push made, or hf:OWNER/NAME, with @REVISION where an older one is meant."""
    out: positional(Path | None) = None  # type: ignore[valid-type]
    """Run folder to make; runs/<app>/<name> when left out."""
    overwrite: bool = False
    """Replace the run folder OUT when it exists."""


parse = parser(
    PullOptions, "Take a network that was handed on: files of known names, sizes and sums; none is executed."
)


def run(app: App, options: PullOptions) -> Outcome:
    """Receive, verify, build the network once, then move the run folder into place."""
    if options.source.startswith(hub.MARK):
        repository = hub.repository(options.source)
        fetch, source = hub.from_repository(repository), f"{hub.MARK}{repository.name}"
        name = repository.name.rpartition("/")[2]
    else:
        folder = Path(options.source)
        if not (folder / bundle.MANIFEST).exists():
            raise UserError(
                f"{folder}: no network to pull (no {bundle.MANIFEST}); `{app.prog} push RUN FOLDER` makes one"
            )
        fetch, source, name = bundle.from_folder(folder), str(folder), folder.resolve().name

    from cnn_core import runs

    wanted = options.out or Path("runs") / app.name / (re.sub(r"[^\w.-]", "-", name).lstrip(".") or "pulled")
    if (wanted / "config.json").exists() and not options.overwrite:
        raise UserError(f"{wanted}: exists already; name another folder behind {options.source}, or add --overwrite")
    place = runs.new_folder(app, name, wanted, options.overwrite)
    new = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
    try:
        (new / "last").mkdir(parents=True)
        manifest = bundle.receive(fetch, source, new / "last")
        if manifest.app != app.name:
            raise UserError(f"{source}: is a network of cnn-{manifest.app}, not of {app.prog}")
        for each in (bundle.MANIFEST, bundle.CARD, *bundle.EXTRAS):
            if (new / "last" / each).exists():
                (new / "last" / each).rename(new / each)
        try:
            record = {key: value for key, value in record_at(new / "last").items() if key != "format"}
            runs.write_record(new, record)
            trained = runs.restore(app, new)
        except UserError as error:
            raise UserError(str(error).replace(str(new / "last"), source).replace(str(new), source)) from error
        with runs.replacing(place):
            with suppress(OSError):  # an empty folder, which not every system renames onto
                place.rmdir()
            new.rename(place)
    except OSError as error:
        raise UserError(f"cannot write {place}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    data = {"run": str(place), "source": source, "bytes": size, "labels": list(trained.labels)}
    rows = [["size", f"{size / 1e6:.2f} MB"], ["preset", record["preset"]], ["classes", len(trained.labels)]]
    rows += [["card", place / bundle.CARD]]
    return Outcome(data, f"{table(['pulled', source], rows)}\n\nrun: {place}\nnext: {app.prog} predict {place} ...")

"""licences: under which terms everything stands that the suite needs, extra by extra, and the data sets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from apps.bench.options import BenchOptions
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

SUITE = "cnn-suite"
BASE = "(always)"
BESIDE = {
    "espeakng-loader": "GPL-3.0-or-later (the library eSpeak NG and its voices)",
    "imageio-ffmpeg": "BSD-2-Clause; the program ffmpeg in it: GPL-3.0-or-later",
    "soundfile": "BSD-3-Clause; the library libsndfile in it: LGPL-2.1-or-later",
    "py-nanotts": "Apache-2.0 (SVOX Pico and its voices; nanotts around it)",
    "onnxruntime": "MIT; its ThirdPartyNotices name what it is built from",
}
"""What a package's own metadata do not say: the licences of the programs, voices and libraries inside."""
NAMED = re.compile(r"\b(MIT|BSD|Apache|L?GPL|MPL|PSF|ISC|HPND|Proprietary)", re.IGNORECASE)
COPYLEFT = re.compile(r"(?<!L)GPL|\bAGPL")
WEAK = re.compile(r"LGPL|MPL|EPL")


@dataclass(frozen=True, kw_only=True)
class LicenceOptions(BenchOptions):
    """Options of licences."""

    extras: tuple[str, ...] = ()
    """Extras to look at; all that are declared when left out."""


parse = parser(LicenceOptions, "List the licences of what is installed for the suite, and of the data sets.")


def run(app: Any, options: LicenceOptions) -> Outcome:
    """A row for each package, those with copyleft first, and one for each data set."""
    from cnn_core.fetching.manifests import available, load_manifest

    packages = sorted(installed(options.extras), key=lambda each: (-each["copyleft"], each["name"].lower()))
    cards = list({card.name: card for card in map(load_manifest, available())}.values())
    data = [{"name": card.name, "licence": card.licence} for card in cards]
    kinds = ("", "weak copyleft", "copyleft")
    rows = [[each["name"], each["version"], each["licence"], each["for"], kinds[each["copyleft"]]] for each in packages]
    text = table(["package", "version", "licence", "needed for", ""], rows)
    text += "\n\n" + table(["data set", "licence"], [[each["name"], each["licence"]] for each in data])
    return Outcome({"packages": packages, "data_sets": data}, text)


def installed(extras: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Name, version, licence, extras that need it and kind (2 copyleft, 1 weak, 0 none) of what is installed.

    Raises UserError where the suite is not installed, or has no such extra.
    """
    try:
        known = metadata.metadata(SUITE).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError as error:
        raise UserError(f"{SUITE} is not installed here: pip install .") from error
    for extra in extras:
        if extra not in known:
            raise UserError(f"no extra is named {extra!r}; there are {', '.join(known)}")
    needed: dict[str, set[str]] = {}
    for extra in ("", *(extras or [each for each in known if each not in ("dev", "docs")])):
        for name in _needed(SUITE, extra, set()):
            needed.setdefault(name, set()).add(extra or BASE)
    found = []
    for name, by in needed.items():
        about = metadata.metadata(name)
        licence = BESIDE.get(name) or licence_of(name)
        kind = 2 if COPYLEFT.search(licence) else int(bool(WEAK.search(licence)))
        wanted = BASE if BASE in by else ", ".join(sorted(by))
        found.append({"name": name, "version": about["Version"], "licence": licence, "for": wanted, "copyleft": kind})
    return found


def licence_of(package: str) -> str:
    """The licence by the package's metadata: its expression, its classifiers, or the first line of its field."""
    about: Any = metadata.metadata(package)  # a mapping with `get` in every Python, though not in the stubs
    given = (about.get("License") or "").strip().splitlines()
    classes = [each.split(" :: ")[-1] for each in about.get_all("Classifier") or [] if each.startswith("License ::")]
    short = given[0].strip() if given and len(given[0]) < 80 and NAMED.search(given[0]) else ""
    return about.get("License-Expression") or short or ", ".join(classes) or "not stated in its metadata"


def _needed(package: str, extra: str, seen: set[tuple[str, str]]) -> Iterator[str]:
    """Names of the installed packages that `package` with `extra` requires, and what these require in turn."""
    from packaging.requirements import Requirement

    if (package, extra) in seen:
        return
    seen.add((package, extra))
    for text in metadata.requires(package) or []:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        if extra and wanted.marker is not None and "extra" not in str(wanted.marker) and package == SUITE:
            continue  # of the suite itself, not of this extra
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if name != SUITE:
            yield name
        for each in ("", *sorted(wanted.extras)):
            if name != SUITE or each:
                yield from _needed(name, each, seen)

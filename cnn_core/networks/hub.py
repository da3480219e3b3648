"""Bundles on the Hugging Face Hub, or a server of its kind that HF_ENDPOINT names: hf:OWNER/NAME[@REVISION].

Its package (extra `hub`) uploads and knows the user's token and the addresses; the files that come from there are
received by our own bounded reader.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cnn_core.errors import UserError, first_line
from cnn_core.networks.bundle import CHUNK, Fetch
from cnn_core.optional import require

MARK = "hf:"
PURPOSE = "passing networks over the Hugging Face Hub"
SECONDS = (10, 60)  # to connect, between two pieces
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_PART}/{_PART})(?:@([A-Za-z0-9._/-]{{1,200}}))?")


@dataclass(frozen=True)
class Repository:
    """A repository of models."""

    name: str
    """OWNER/NAME."""
    revision: str | None = None


def repository(address: str) -> Repository:
    """What hf:OWNER/NAME[@REVISION] names. Raises UserError where it is not of this form."""
    found = _ADDRESS.fullmatch(address.removeprefix(MARK))
    if not found or ".." in address:
        raise UserError(f"{address}: must be {MARK}OWNER/NAME, with @REVISION where an older one is meant")
    return Repository(found[1], found[2])


def upload(folder: Path, target: Repository, *, private: bool) -> str:
    """Send the files of a bundle to a repository, made where it is missing; its address.

    Raises UserError where the package is missing, nobody is logged in, or the server refuses.
    """
    hub = require("huggingface_hub", PURPOSE)
    api = hub.HfApi(endpoint=_endpoint())
    try:
        made = api.create_repo(target.name, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=target.name,
            folder_path=folder,
            revision=target.revision,
            commit_message=f"Network of cnn-suite: {folder.name}",
        )
    except Exception as error:  # of requests, httpx or httpx2: each of the package's versions has another
        if isinstance(error, TypeError | AttributeError | NameError):  # faults of a program, not of a connection
            raise
        raise UserError(f"{MARK}{target.name}: could not be uploaded: {_reason(error)}") from error
    return str(made)


def from_repository(source: Repository) -> Fetch:
    """How the files of a bundle in a repository are brought. Raises UserError where the package is missing."""
    hub = require("huggingface_hub", PURPOSE)
    utils = require("huggingface_hub.utils", PURPOSE)
    import requests

    headers = {**utils.build_hf_headers(), "Accept-Encoding": "identity"}

    def fetch(name: str, target: Path, most: int) -> None:
        where = f"{MARK}{source.name}"
        url = hub.hf_hub_url(source.name, name, revision=source.revision, endpoint=_endpoint())
        try:
            with requests.get(url, headers=headers, stream=True, timeout=SECONDS) as reply:
                if reply.status_code != 200:
                    raise UserError(f"{where}: {_refusal(reply.status_code, name)}")
                count = 0
                with target.open("wb") as out:
                    for chunk in reply.raw.stream(CHUNK, decode_content=False):
                        count += len(chunk)
                        if count > most:
                            raise UserError(f"{where}: {name} is larger than the {most} bytes that it may have")
                        out.write(chunk)
        except requests.RequestException as error:
            raise UserError(f"{where}: {name} could not be fetched: {_reason(error)}") from error
        except Exception as error:  # urllib3's errors while streaming have no base that requests wraps
            if type(error).__module__.partition(".")[0] != "urllib3":
                raise
            raise UserError(f"{where}: {name} could not be fetched: {_reason(error)}") from error

    return fetch


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _refusal(status: int, name: str) -> str:
    if status in (401, 403):
        return "is private, or does not exist; log in with `hf auth login`"
    return f"has no {name}; name a network that `push` made" if status == 404 else f"{name}: HTTP status {status}"


def _reason(error: BaseException) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return "the server wants a token that may write there; log in with `hf auth login`"
    if status:
        return f"HTTP status {status}"
    inner: BaseException | None = error
    while inner is not None:  # what lies at the bottom of a chain of wrappers
        error, reason = inner, getattr(inner, "reason", None)
        inner = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
    return getattr(error, "strerror", None) or first_line(error)

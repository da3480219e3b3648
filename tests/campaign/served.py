"""The playground killed with -9 while many ask for it: started again it serves the same page, and wrote nothing."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from tests.campaign.oracles import check_strays, digest_of_tree
from tests.campaign.tally import Tally

ROOT = Path(__file__).parents[2]
LIMIT = 120.0
"""Seconds until the page must be there."""
READERS = 8
"""How many ask for the page while it is killed."""
known: dict[Path, str] = {}
"""Digest of the page of each run, served by a process that was left alone."""


def playground(run: Path, app: str, folder: Path, random_: random.Random, tally: Tally) -> None:
    """Killed while it starts or while it is read, then started again."""
    name, before = f"playground {app}", digest_of_tree(run)
    if run not in known:
        known[run] = _page(run, folder, None)
    try:
        _page(run, folder, random_.uniform(0, 6))
        again = _page(run, folder, None)
    except RuntimeError as error:
        tally.fault(name, str(error))
        return
    if again != known[run]:
        tally.fault(name, "another page after it was killed")
    elif digest_of_tree(run) != before:
        tally.fault(name, "the run was changed")
    else:
        check_strays(folder, set(), name, tally) or tally.count(name, "repeated")


def _page(run: Path, folder: Path, seconds: float | None) -> str:
    """The digest of the page; killed after so many seconds, if given, while some read it. Raises RuntimeError."""
    command = [sys.executable, "-m", "apps.playground", str(run), "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    began, errors = time.monotonic(), folder / ".served"
    with errors.open("w") as err, subprocess.Popen(command, cwd=folder, env=environment, stderr=err) as child:
        try:
            while not (found := re.search(r"http://[^ ]+", errors.read_text())):
                if child.poll() is not None or time.monotonic() - began > LIMIT:
                    raise RuntimeError(f"the page is not served: {errors.read_text()[-500:]}")
                if seconds is not None and time.monotonic() - began > seconds:
                    return ""
                time.sleep(0.02)
            if seconds is None:
                return hashlib.sha256(_read(found[0])).hexdigest()
            threads = [threading.Thread(target=_read_or_fail, args=(found[0],)) for _ in range(READERS)]
            for thread in threads:
                thread.start()
            time.sleep(seconds / 60)
        finally:
            child.send_signal(signal.SIGKILL)
    for thread in threads:
        thread.join()
    return ""


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def _read_or_fail(url: str) -> None:
    try:
        _read(url)
    except OSError:
        return  # the server was killed

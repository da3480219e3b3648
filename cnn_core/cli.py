"""The verbs, written once for all apps: `run(app, arguments)` is the whole command.

A verb is a frozen dataclass of options and a function run(app, options) -> Outcome. With --json the outcome's
data is the one object on standard output; otherwise its text. Progress and notes go to standard error.
A UserError becomes one line there and exit status 2.
"""

import errno
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from cnn_core.app import App
from cnn_core.errors import UserError


@dataclass(frozen=True)
class Verb:
    """`module` holds `parse(app, arguments) -> options` and `run(app, options) -> Outcome`."""

    about: str
    module: str


VERBS = {
    "prepare": Verb("fetch and verify the data", "cnn_core.verbs.prepare"),
    "train": Verb("train a preset, with overrides; resume", "cnn_core.verbs.train"),
    "evaluate": Verb("metrics, confusion matrix, calibration, mistakes sorted by loss", "cnn_core.verbs.evaluate"),
    "predict": Verb("a user's own files, a folder, or standard input", "cnn_core.verbs.predict"),
    "visualize": Verb("what the network has learned", "cnn_core.verbs.visualize"),
    "explain": Verb("why this input got this answer", "cnn_core.verbs.explain"),
    "export": Verb("ONNX, front end included, checked against PyTorch", "cnn_core.verbs.export"),
    "summary": Verb("layers, output shapes, parameters, multiply-adds", "cnn_core.verbs.summary"),
}


def run(app: App, args: Sequence[str]) -> int:
    """Run one command line of `app`; returns the exit status."""
    verbs = {name: VERBS[name] for name in app.offers if name in VERBS} | dict(app.verbs)
    if not args or args[0] in ("-h", "--help", "help"):
        print(overview(app, verbs))  # noqa: T201 (the command's answer)
        return 0
    try:
        return _run_verb(app, verbs, args[0], args[1:])
    except UserError as error:
        return _fail(app, str(error))
    except KeyboardInterrupt:
        print(file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; say nothing more
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EPERM):
            raise
        return _fail(app, f"{error.filename or 'the disk'}: {error.strerror}")


def overview(app: App, verbs: dict[str, Verb]) -> str:
    """What --help prints: the verbs and the presets."""
    width = max(map(len, [*verbs, *app.presets]))
    lines = [
        app.about,
        "",
        f"usage: {app.prog} VERB [options]      ({app.prog} VERB --help shows a verb's options)",
        "",
    ]
    lines += [f"  {name:{width}}  {verb.about}" for name, verb in verbs.items()]
    lines += ["", f"presets: {', '.join(app.presets)} (default {app.default_preset})"]
    return "\n".join(lines)


def _run_verb(app: App, verbs: dict[str, Verb], name: str, args: Sequence[str]) -> int:
    if name not in verbs:
        raise UserError(f"unknown verb {name!r}; the verbs are {', '.join(verbs)}")
    module = import_module(verbs[name].module)
    parse: Callable[..., Any] = module.parse
    options = parse(app, f"{app.prog} {name}", args)
    outcome = module.run(app, options)
    if int(os.environ.get("RANK", 0)) == 0 and outcome.data is not None:  # of several processes, one speaks
        text = json.dumps(outcome.data, ensure_ascii=False) if options.common.json else outcome.text
        print(text)  # noqa: T201
        sys.stdout.flush()
    return outcome.status


def _fail(app: App, message: str) -> int:
    print(f"{app.prog}: error: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return 2

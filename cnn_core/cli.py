"""The verbs, written once for all apps: `run(app, arguments)` is the whole command.

A verb's module holds `parse(app, prog, arguments) -> options` and `run(app, options) -> Outcome`. With --json the
outcome's data is the one object on standard output; otherwise its text. Progress and notes go to standard error.
A UserError becomes one line there and exit status 2.
"""

import errno
import json
import os
import sys
from collections.abc import Sequence

from cnn_core.app import App, Verb, VerbModule
from cnn_core.errors import UserError


def _prepare() -> VerbModule:
    from cnn_core.verbs import prepare

    return prepare


def _train() -> VerbModule:
    from cnn_core.verbs import train

    return train


def _evaluate() -> VerbModule:
    from cnn_core.verbs import evaluate

    return evaluate


def _predict() -> VerbModule:
    from cnn_core.verbs import predict

    return predict


def _visualize() -> VerbModule:
    from cnn_core.verbs import visualize

    return visualize


def _explain() -> VerbModule:
    from cnn_core.verbs import explain

    return explain


def _export() -> VerbModule:
    from cnn_core.verbs import export

    return export


def _summary() -> VerbModule:
    from cnn_core.verbs import summary

    return summary


VERBS = {
    "prepare": Verb("fetch and verify the data", _prepare),
    "train": Verb("train a preset, with overrides; resume", _train),
    "evaluate": Verb("metrics, confusion matrix, calibration, mistakes sorted by loss", _evaluate),
    "predict": Verb("answers for your own files, folders, or standard input", _predict),
    "visualize": Verb("what the network has learned", _visualize),
    "explain": Verb("why an input got its answer", _explain),
    "export": Verb("ONNX, front end included, checked against PyTorch", _export),
    "summary": Verb("layers, output shapes, parameters, multiply-adds", _summary),
}


def verbs_of(app: App) -> dict[str, Verb]:
    """All verbs of the app by name, shared ones first."""
    return {name: VERBS[name] for name in app.offers} | dict(app.verbs)


def run(app: App, args: Sequence[str]) -> int:
    """Run one command line of `app`; returns the exit status."""
    verbs = verbs_of(app)
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
    module = verbs[name].module()
    options = module.parse(app, f"{app.prog} {name}", args)
    outcome = module.run(app, options)
    if int(os.environ.get("RANK", 0)) == 0 and outcome.data is not None:  # of several processes, one speaks
        text = json.dumps(outcome.data, ensure_ascii=False) if options.common.json else outcome.text
        print(text)  # noqa: T201
        sys.stdout.flush()
    return outcome.status


def _fail(app: App, message: str) -> int:
    print(f"{app.prog}: error: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return 2

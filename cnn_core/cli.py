"""The verbs, written once for all apps: `run(app, arguments)` is the whole command.

A verb's module holds `parse(app, prog, arguments) -> options` and `run(app, options) -> Outcome`. With --json the
outcome's data is the one object on standard output; otherwise its text. Progress and notes go to standard error.
A UserError, and what the system refuses, becomes one line there and exit status 2, Ctrl-C exit status 130. Anything
else is a fault: one line says so and names the file with the trace, and the exit status is 1.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cnn_core.app import App, Verb, VerbModule
from cnn_core.console import json_text, visible
from cnn_core.errors import UserError
from cnn_core.terminal import streams


@dataclass(frozen=True)
class Command:
    """A command line of several verbs."""

    prog: str
    about: str
    """One sentence for --help."""
    verbs: Mapping[str, Verb]
    noun: str = "verb"
    """What a verb is called in messages."""
    footer: str = ""
    """Last line of --help."""
    app: App | None = None
    """What the verbs' `parse` and `run` get as their first argument."""


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
    from cnn_core.verbs.measures import summary

    return summary


def _compare() -> VerbModule:
    from cnn_core.verbs.measures import compare

    return compare


def _tune() -> VerbModule:
    from cnn_core.verbs.measures.tuning import command

    return command


def _review() -> VerbModule:
    from cnn_core.verbs.measures.reviewing import command

    return command


def _networks() -> VerbModule:
    from cnn_core.verbs.sharing import networks

    return networks


def _push() -> VerbModule:
    from cnn_core.verbs.sharing import push

    return push


def _pull() -> VerbModule:
    from cnn_core.verbs.sharing import pull

    return pull


def _mirror() -> VerbModule:
    from cnn_core.verbs.sharing import mirror

    return mirror


VERBS = {
    "prepare": Verb("fetch and verify the data", _prepare),
    "train": Verb("train a preset, with overrides; resume", _train),
    "evaluate": Verb("metrics, confusion matrix, calibration, mistakes sorted by loss", _evaluate),
    "predict": Verb("answers for your own files, folders, or standard input", _predict),
    "visualize": Verb("what the network has learned", _visualize),
    "explain": Verb("why an input got its answer", _explain),
    "export": Verb("ONNX, front end included, checked against PyTorch", _export),
    "summary": Verb("layers, output shapes, parameters, multiply-adds", _summary),
    "compare": Verb("runs on the same test samples: difference, who is right where, cost", _compare),
    "tune": Verb("search learning rate and other settings for some minutes; test data choose nothing", _tune),
    "review": Verb("training labels that the network does not believe; change them in a copy", _review),
    "networks": Verb("the ready-made networks, with their error rates", _networks),
    "push": Verb("hand a network on: a folder with weights, card and sums, or hf:OWNER/NAME", _push),
    "pull": Verb("take a network that was handed on, verified, as a run folder", _pull),
    "mirror": Verb("copy the files of data sets into a folder for machines without internet", _mirror),
}


def run(command: App | Command, args: Sequence[str]) -> int:
    """Run one command line; returns the exit status."""
    if isinstance(command, App):
        command = command_of(command)
    streams.prepare()
    try:
        try:
            status = _answer(command, args)
        except SystemExit:  # the help of a verb
            sys.stdout.flush()
            raise
        sys.stdout.flush()  # here, where it can still be reported that the reader has gone or the disk is full
        return status
    except UserError as error:
        return _fail(command, str(error))
    except KeyboardInterrupt as stop:
        _say(f"{command.prog}: {' '.join(map(str, stop.args)) or 'interrupted'}")
        return 130
    except BrokenPipeError:
        _discard_output()
        return 0
    except Exception as error:
        return _unforeseen(command, args, error)


def _unforeseen(command: Command, args: Sequence[str], error: Exception) -> int:
    """The exit status of what the system refused, 2, or of a fault, 1; either said in one line."""
    from cnn_core.terminal import faults, system_errors

    known = system_errors.line_of(error)
    if isinstance(error, OSError) and error.filename is None:
        _discard_output()
    if known:
        return _fail(command, known)
    if os.environ.get(faults.VARIABLE):
        raise error
    _fail(command, faults.report(command.prog, args, error))
    return 1


def verbs_of(app: App) -> dict[str, Verb]:
    """All verbs of the app by name, shared ones first."""
    return {name: VERBS[name] for name in app.offers} | dict(app.verbs)


def command_of(app: App) -> Command:
    """The command line of an app: the shared verbs that it offers, and those of its own."""
    verbs = verbs_of(app)
    footer = f"presets: {', '.join(app.presets)} (default {app.default_preset})"
    return Command(app.prog, app.about, verbs, footer=footer, app=app)


def overview(command: Command) -> str:
    """What --help prints: the verbs, and an app's presets."""
    width = max(map(len, command.verbs))
    name = command.noun.upper()
    usage = f"usage: {command.prog} {name} [options]"
    lines = [command.about, "", f"{usage}      ({command.prog} {name} --help shows a {command.noun}'s options)", ""]
    lines += [f"  {name:{width}}  {verb.about}" for name, verb in command.verbs.items()]
    return "\n".join([*lines, *(["", command.footer] if command.footer else [])])


def _answer(command: Command, args: Sequence[str]) -> int:
    if not args or args[0] in ("-h", "--help", "help"):
        print(overview(command))  # noqa: T201 (the command's answer)
        return 0
    name = args[0]
    if name == "--version":
        from cnn_core import version

        print(version.line(command.prog))  # noqa: T201
        return 0
    if name == "--print-completion":
        from cnn_core.terminal import completion

        def parser(verb: str) -> completion.Parse:
            return lambda words: command.verbs[verb].module().parse(command.app, f"{command.prog} {verb}", words)

        print(completion.script(command.prog, {verb: parser(verb) for verb in command.verbs}))  # noqa: T201
        return 0
    if name not in command.verbs:
        raise UserError(f"unknown {command.noun} {name!r}; the {command.noun}s are {', '.join(command.verbs)}")
    module = command.verbs[name].module()
    options = module.parse(command.app, f"{command.prog} {name}", args[1:])
    outcome = module.run(command.app, options)
    if int(os.environ.get("RANK", 0)) == 0 and outcome.data is not None:  # of several processes, one speaks
        text = (
            json_text(outcome.data, sys.stdout)
            if options.common.json
            else visible(outcome.text, page=True, colours=True)
        )
        print(text)  # noqa: T201
    return outcome.status


def _discard_output() -> None:
    """Send what is still in the buffer nowhere, or Python would complain about it at exit."""
    with suppress(OSError, ValueError):  # no file behind it: nothing to complain about
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(command: Command, message: str) -> int:
    _say(f"{command.prog}: error: {visible(' '.join(message.split()))}")
    return 2


def _say(line: str) -> None:
    with suppress(OSError):  # there is nobody left to tell
        print(line, file=sys.stderr)  # noqa: T201

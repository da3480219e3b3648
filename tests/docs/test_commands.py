"""Every command that a page prints: its verb is there and takes the options that stand behind it."""

import re
import shlex
from pathlib import Path

import pytest

from cnn_core.cli import Command, verbs_of
from cnn_core.errors import UserError
from cnn_core.networks import plugins
from docs.make.places import ROOT, pages

COMMAND = re.compile(r"^    (?:python -m apps\.|cnn-)([a-z]+)((?: .*)?)$", re.MULTILINE)
NEEDS = re.compile(r"no such run folder|neither a run folder")
"""Said where a page's RUN is not there: everything before has been read then."""
OTHERS = {"bench", "playground"}


def printed():
    """(page, app, words) of each command, once."""
    found = {}
    for source in (*pages(), Path("README.md"), Path("README.zh-CN.md")):
        if not (ROOT / source).is_file():
            continue
        for app, rest in COMMAND.findall((ROOT / source).read_text(encoding="utf-8")):
            words = tuple(shlex.split(rest, comments=True))
            words = words[: words.index("&&")] if "&&" in words else words
            found.setdefault((app, words), source)
    return [(source, app, list(words)) for (app, words), source in found.items()]


@pytest.mark.slow
def test_every_printed_command_is_understood():
    wrong = []
    for source, name, words in printed():
        if name in OTHERS or not words or words[0].startswith("-"):
            continue
        app = plugins.app(name)
        verb = verbs_of(app).get(words[0])
        if verb is None:
            wrong.append(f"{source}: {name} has no verb {words[0]}")
            continue
        try:
            verb.module().parse(app, f"{app.prog} {words[0]}", words[1:])
        except UserError as error:
            if not NEEDS.search(str(error)):
                wrong.append(f"{source}: {' '.join(words)}: {error}")
        except SystemExit as left:
            assert not left.code
    assert wrong == []
    assert len(printed()) > 150


@pytest.mark.slow
def test_printed_commands_of_the_bench_and_the_playground_name_their_verbs():
    from apps.bench.__main__ import BENCH
    from apps.playground.__main__ import PLAYGROUND

    for name, command in (("bench", BENCH), ("playground", PLAYGROUND)):
        assert isinstance(command, Command)
        for source, app, words in printed():
            if app == name and words and re.fullmatch(r"[a-z-]+", words[0]) and not words[0].startswith("-"):
                assert words[0] in command.verbs, f"{source}: {words}"

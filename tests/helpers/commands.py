"""An app's command as tests run it, in this process. `app` is that of cnn-digits unless another is given."""

import json

from apps.digits.app import APP
from cnn_core.cli import run


def answer(capsys, *args, app=APP):
    """The JSON object that a verb prints."""
    capsys.readouterr()
    assert run(app, [*map(str, args), "--json", "--threads", "1"]) == 0
    return json.loads(capsys.readouterr().out)


def bad(capsys, *args, app=APP):
    """Standard error of a command that must end with status 2, one line and nothing on standard output."""
    capsys.readouterr()
    assert run(app, [*map(str, args)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"{app.prog}: error: ")
    return err

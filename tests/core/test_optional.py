"""Optional packages: one message for all that are missing, another for those that do not load."""

import sys

import pytest

from cnn_core.errors import UserError, first_line
from cnn_core.optional import EXTRAS, missing, require


def test_a_torchaudio_that_does_not_fit_says_what_to_install(monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "torchaudio":
                raise OSError("libtorch_cuda.so: cannot open shared object file\nmore")

    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(UserError, match=r"does not fit .* pip install --upgrade torch torchaudio") as caught:
        require("torchaudio.functional", "resampling")
    assert "more" not in str(caught.value)


@pytest.mark.parametrize("package", [*EXTRAS, "sounddevice"])
def test_a_missing_package_says_what_to_install(monkeypatch, package):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError) as caught:
        require(package, "a test")
    target = f"'cnn-suite[{EXTRAS[package]}]'" if package in EXTRAS else package
    assert str(caught.value).startswith("a test needs the package ")
    assert str(caught.value).endswith(f"pip install {target}")
    assert str(caught.value) == missing(package, "a test")


def test_extras_are_those_of_the_project():
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS.values()) <= set(project["optional-dependencies"])


def test_a_package_that_does_not_load_says_what_to_install(monkeypatch):
    def fail(name):
        raise OSError("PortAudio library not found")

    monkeypatch.setattr("cnn_core.optional.import_module", fail)
    with pytest.raises(UserError, match="PortAudio library not found.*install PortAudio"):
        require("sounddevice", "listening to a microphone")


def test_first_line():
    assert first_line(ValueError("\n  one \ntwo")) == "one"
    assert first_line(KeyError()) == "KeyError"

"""The optional packages of this app, imported when they are used, each with a clear line where it is missing."""

from importlib import import_module
from typing import Any

from cnn_core.errors import UserError


def soundfile() -> Any:
    """The package that decodes and writes recordings. Raises UserError where it is missing."""
    return _part("soundfile", "speech", "reading recordings")


def torchaudio() -> Any:
    """`torchaudio.functional`: filter banks and resampling. Raises UserError where it is missing or does not load."""
    return _part("torchaudio.functional", "speech", "the mel filter bank")


def sounddevice() -> Any:
    """The package that reads a microphone. Raises UserError where it or PortAudio is missing."""
    return _part("sounddevice", "", "listening to a microphone")


def espeak() -> Any:
    """The package that carries eSpeak NG. Raises UserError where it is missing."""
    return _part("espeakng_loader", "voices", "speaking words with synthetic voices")


def pico() -> Any:
    """The package that carries SVOX Pico. Raises UserError where it is missing."""
    return _part("py_nanotts", "voices", "speaking words with synthetic voices")


def _part(module: str, extra: str, what: str) -> Any:
    name = module.split(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        wanted = f"'cnn-suite[{extra}]'" if extra else name
        raise UserError(f"{what} needs the package {name}; pip install {wanted}") from error
    except OSError as error:  # its compiled part does not fit: another torch, or no system library
        reason = str(error).splitlines()[0]
        if name == "torchaudio":
            torch = import_module("torch").__version__
            raise UserError(
                f"torchaudio does not fit the installed torch {torch} ({reason}); install the pair that belongs"
                " together with one command: pip install --upgrade torch torchaudio"
            ) from error
        raise UserError(f"{name} does not load ({reason}); {_system_library(name)}") from error


def _system_library(name: str) -> str:
    known = {"sounddevice": "install PortAudio (Debian: libportaudio2)", "soundfile": "install libsndfile"}
    return known.get(name, f"reinstall it: pip install --force-reinstall {name.replace('_', '-')}")

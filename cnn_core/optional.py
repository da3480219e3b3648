"""Optional packages: imported when they are used, with one clear line where one is missing or does not load."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cnn_core.errors import UserError, first_line

EXTRAS = {
    "espeakng_loader": "voices",
    "gensim": "text",
    "huggingface_hub": "hub",
    "imageio_ffmpeg": "mp4",
    "jieba": "chinese",
    "numba": "fast",
    "onnx": "onnx",
    "onnxscript": "onnx",
    "openpyxl": "excel",
    "py_nanotts": "voices",
    "pyarrow": "text",
    "ray": "cluster",
    "scipy": "bench",
    "sgfmill": "go",
    "sklearn": "bench",
    "soundfile": "speech",
    "tensorboard": "tensorboard",
    "tokenizers": "text",
    "torchaudio": "speech",
    "torchtext": "text",
}
"""The extra of this suite that brings each package; others are installed by their own names."""

DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "espeakng_loader": "espeakng-loader",
    "py_nanotts": "py-nanotts",
    "huggingface_hub": "huggingface-hub",
}
SYSTEM_LIBRARIES = {
    "sounddevice": "install PortAudio (Debian: libportaudio2)",
    "soundfile": "install libsndfile (Debian: libsndfile1)",
}


def require(module: str, purpose: str) -> Any:
    """The module, such as "numba" or "torchaudio.functional". `purpose` begins the message: "reading recordings".

    Raises UserError where its package is missing, or does not load.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(missing(package, purpose)) from error
    except OSError as error:  # its compiled part does not fit: another torch, or no system library
        raise UserError(f"{_name(package)} does not load ({first_line(error)}); {_remedy(package)}") from error


def missing(package: str, purpose: str) -> str:
    """The line that says what is missing for what, and how to install it."""
    extra = EXTRAS.get(package)
    target = f"'cnn-suite[{extra}]'" if extra else _name(package)
    return f"{purpose} needs the package {_name(package)}: pip install {target}"


def _name(package: str) -> str:
    return DISTRIBUTIONS.get(package, package)


def _remedy(package: str) -> str:
    if package == "torchaudio":
        torch = import_module("torch").__version__
        return (
            f"it does not fit the installed torch {torch}; install the pair that belongs together with one command:"
            " pip install --upgrade torch torchaudio"
        )
    return SYSTEM_LIBRARIES.get(package, f"reinstall it: pip install --force-reinstall {_name(package)}")

"""The suite's only use of torchtext 0.6.0: its Vocab, to put words into their order.

Later releases load a library that fits torch 2.3 alone. It takes as long to import as torch, so it is imported late.
"""

import warnings
from collections import Counter
from typing import Any

from cnn_core.errors import UserError


def _module(name: str) -> Any:
    from importlib import import_module

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an old package on a new Python
            return import_module(f"torchtext.{name}")
    except (ImportError, OSError):  # OSError: a later torchtext, whose library does not fit
        raise UserError("torchtext 0.6.0 is missing: pip install 'cnn-suite[text]'") from None


def in_order(counts: Counter[str], specials: tuple[str, ...], most: int, least_count: int) -> list[str]:
    """The specials, then the words that occur `least_count` times, the most frequent first, ties in alphabetical order.

    At most `most` words besides the specials; 0 for all.
    """
    return _module("vocab").Vocab(counts, max_size=most or None, min_freq=least_count, specials=list(specials)).itos

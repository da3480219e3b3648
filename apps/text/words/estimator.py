"""TextClassifier: the app's networks as a scikit-learn estimator over texts. Letters: N texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from apps.text import data
from apps.text.reading.labelled import Texts
from apps.text.words.ragged import TextSplit
from apps.text.words.vectors import WORD2VEC
from apps.text.words.vocabulary import FittedText
from cnn_core.errors import UserError
from cnn_core.loaded.estimator import GIVEN, NetworkClassifier, listed
from cnn_core.training.data import Dataset, Split


class TextClassifier(NetworkClassifier):
    """Texts in classes.

    `X` is a list, array or Series of N texts. A text without words gets an answer too. Parameters:

    - preset: rand, nonstatic, deep and so on (`cnn-text train --help`), whose settings hold where a parameter is None.
    - epochs, learning_rate, batch_size, weight_decay: see `cnn-text train --help`, fit.
    - least_steps: on few texts as many more epochs as make so many steps; None: the preset's, 0 where epochs are given.
    - filters: of each width of window; dropout: share of the features set to zero while training.
    - options: any other setting, named with dots as on the command line: {"texts.tokenizer": "characters"}.
    - calibrate: False skips the calibration, which with fewer than 1,000 texts trains three more networks.
    - seed; device: auto, cpu, cuda; verbose: progress and notes on standard error.
    """

    _app: ClassVar[str] = "text"
    _settings: ClassVar[Mapping[str, str]] = {"filters": "net.filters", "dropout": "net.dropout"}

    def __init__(
        self,
        preset: str = "rand",
        *,
        epochs: int | None = None,
        least_steps: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        weight_decay: float | None = None,
        filters: int | None = None,
        dropout: float | None = None,
        options: Mapping[str, Any] | None = None,
        calibrate: bool = True,
        seed: int = 0,
        device: str = "auto",
        verbose: bool = False,
    ):
        self.preset = preset
        self.epochs = epochs
        self.least_steps = least_steps
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.filters = filters
        self.dropout = dropout
        self.options = options
        self.calibrate = calibrate
        self.seed = seed
        self.device = device
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        return tags

    def _examined(self, X: Any, first: bool) -> list[str]:
        texts = listed(X, "text")
        odd = next((each for each in texts if not isinstance(each, str)), "")
        if not isinstance(odd, str):
            raise ValueError(f"X must be a list of texts; it holds a {type(odd).__name__}")
        return texts

    def _dataset(self, config: Any, inputs: list[str], targets: np.ndarray, labels: tuple[str, ...]) -> Dataset:
        """Raises UserError for several labels a text and for word2vec, which reads the data again, by name."""
        if config.texts.labels == "several":
            raise UserError("TextClassifier: texts.labels several is for `cnn-text train`")
        if config.vectors.source == WORD2VEC:
            raise UserError("TextClassifier: vectors.source word2vec is for `cnn-text train`; give a file of vectors")
        encoder = data.encoder(config)
        nothing = Texts([], [])
        splits = data.Splits(GIVEN, Texts(inputs, [labels[target] for target in targets]), nothing)
        tokens = data.tokenize(splits, config.texts, encoder and encoder[1])
        if encoder:
            fitted = FittedText(GIVEN, labels, encoder[1], encoder[0].width, encoder=encoder[0])
        else:
            fitted = data.fit(config, labels, tokens)
        places, flat = map(torch.from_numpy, fitted.vocabulary.places(tokens.train))
        split = TextSplit(places, torch.from_numpy(targets), flat, tuple(inputs))
        return Dataset(GIVEN, split, split, labels, fitted=fitted)

    def _split(self, inputs: list[str]) -> Split:
        return data.encode_texts(self.network_.run.fitted.vocabulary, inputs)

"""What a text run is made of, and the presets; no torch."""

from dataclasses import dataclass, field, replace
from typing import Literal

from apps.text.reading.form import Form, FormOptions
from apps.text.reading.tokenizers import WORDPIECE
from cnn_core.errors import UserError
from cnn_core.training.recipe import FitConfig
from cnn_core.verbs.measures.tuning.ranges import USUAL, Even, OneOf


@dataclass(frozen=True)
class TextData(FormOptions):
    """Which texts, and how they become rows of numbers."""

    test: str = ""
    """File or folder of test texts; without one, a share or a fold of `data` is held out."""
    tokenizer: Literal["english", "kim", "characters", "jieba", "wordpiece"] = "english"
    """How texts are cut: torchtext's basic_english, Kim's cleaning, single characters, Chinese words, or the pieces of
    words of the encoder that vectors.source names."""
    case: Literal["fold", "keep"] = "fold"
    """fold: all words in lower case; keep: "Apple" and "apple" are two words."""
    least_count: int = 1
    """Words that occur fewer times in the training texts count as unknown."""
    most_words: int = 100_000
    """Largest number of words; the most frequent stay."""
    longest: int = 0
    """Tokens after which a text is cut; 0 never cuts."""
    test_share: float = 0.1
    """Share of the texts held out for testing where there is no test file, stratified."""
    folds: int = 0
    """Number of folds, one of which is the test split in place of a share; 0 for none."""
    fold: int = 0
    """Number of the test fold, from 0."""
    split_seed: int = 0
    """Seed of the folds or of the held-out share; apart from --seed, so that seeds are compared on the same texts."""

    @property
    def cut(self) -> str:
        """The tokenizer's name with what is said of case, as a vocabulary keeps it."""
        return f"{self.tokenizer}:case" if self.case == "keep" else self.tokenizer

    def __post_init__(self) -> None:
        if self.case == "keep" and self.tokenizer == WORDPIECE:
            raise UserError("texts.case keep is not for texts.tokenizer wordpiece, whose pieces are in lower case")
        Form(delimiter=self.delimiter).separator()  # raises UserError for more than one character
        if not 0 < self.test_share < 1:
            raise UserError(f"texts.test_share must lie between 0 and 1, not {self.test_share:g}")
        if self.folds < 0 or self.folds == 1:
            raise UserError(f"texts.folds must be 0 or at least 2, not {self.folds}")
        if not 0 <= self.fold < max(self.folds, 1):
            raise UserError(f"texts.fold must be from 0 to {max(self.folds, 1) - 1}, not {self.fold}")
        for name in ("least_count", "most_words"):
            if getattr(self, name) < 1:
                raise UserError(f"texts.{name} must be at least 1, not {getattr(self, name)}")
        if self.longest < 0:
            raise UserError(f"texts.longest must be at least 0, not {self.longest}")


@dataclass(frozen=True)
class Vectors:
    """The word vectors: their width, where they come from, and whether they learn."""

    mode: Literal["rand", "static", "nonstatic", "multichannel"] = "rand"
    """Kim's modes: random ones that learn; given ones that stay, or that learn; both, as two groups of channels."""
    source: str = ""
    """Given vectors: glove-50d, word2vec (trained on the training texts), a file (formats: README), or an encoder,
    whose vectors depend on the text: minilm, or the folder of a BERT model."""
    width: int = 300
    """Dimensions of a word vector, where no given vectors decide them."""
    free: int = 0
    """Dimensions beside the given vectors, which begin at random and learn."""
    unseen: int = 0
    """How many of the most frequent words of the source to add to those of the training texts."""
    scale: float = 0.25
    """Random vectors are uniform in +-scale; given ones are brought to the same variance."""
    dropout: float = 0.0
    """Share of the values of the vectors set to zero while training, and inside an encoder that learns."""
    word_dropout: float = 0.0
    """Share of the words of a training text that are replaced by the unknown word."""
    rate: float = 0.1
    """Learning rate of an encoder, as a share of fit.learning_rate."""
    learning: int = 0
    """How many of the last blocks of an encoder learn in mode nonstatic; 0: all of it."""

    def __post_init__(self) -> None:
        if (self.mode == "rand") != (not self.source):
            given = "needs vectors.source" if self.mode != "rand" else "takes no vectors.source"
            raise UserError(f"vectors.mode {self.mode} {given} (glove-50d, word2vec, or a file)")
        if not self.rate > 0 or self.learning < 0:
            raise UserError("vectors.rate must be above 0, learning at least 0")
        if self.width < 1 or self.free < 0 or self.unseen < 0 or not self.scale > 0:
            raise UserError("vectors.width and scale must be above 0, free and unseen at least 0")
        for name in ("dropout", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"vectors.{name} must be at least 0 and below 1, not {getattr(self, name):g}")


@dataclass(frozen=True)
class TextNet:
    """The layers after the word vectors."""

    kind: Literal["windows", "deep"] = "windows"
    """windows: Kim (2014), a convolution of each width side by side; deep: residual blocks, halving the length."""
    windows: tuple[int, ...] = (3, 4, 5)
    """Widths of the convolutions, in words."""
    filters: int = 100
    """Filters of each width, or of each deep layer."""
    pool: Literal["max", "k-max", "average", "none"] = "max"
    """Over time: the largest value, the k largest, the mean, or all of them in order."""
    k: int = 3
    """k-max: how many values of each filter."""
    length: int = 60
    """pool none: places of each filter; longer texts are cut, shorter ones filled with zeros."""
    blocks: int = 3
    """deep: residual blocks after the first convolution."""
    members: int = 1
    """windows: networks that learn side by side, each with its own word vectors; their probabilities are averaged."""
    dropout: float = 0.5
    """Share of the features set to zero while training."""
    max_norm: float = 3.0
    """Rows of the last layer that grow longer are clipped to this length; 0 leaves them."""

    def __post_init__(self) -> None:
        if not self.windows or min(self.windows) < 1 or len(set(self.windows)) != len(self.windows):
            raise UserError(f"net.windows must be different widths of at least 1, not {self.windows}")
        for name in ("filters", "k", "length", "members"):
            if getattr(self, name) < 1:
                raise UserError(f"net.{name} must be at least 1, not {getattr(self, name)}")
        if self.blocks < 0 or self.max_norm < 0 or not 0 <= self.dropout < 1:
            raise UserError("net.blocks and max_norm must be at least 0, dropout at least 0 and below 1")
        if self.kind == "deep" and self.members > 1:
            raise UserError("net.members is for kind windows")
        if self.kind == "deep" and self.pool not in ("max", "average"):
            raise UserError(f"net.pool {self.pool} is for kind windows; the deep net pools max or average")


@dataclass(frozen=True)
class TextConfig:
    """A network for texts in classes, and how it is trained."""

    data: str = "movie-snippets"
    """Name of a data set (see `prepare --list`), a table, a text file (formats: README), or a folder of classes."""
    texts: TextData = field(default_factory=TextData)
    """Columns, tokens, splits."""
    vectors: Vectors = field(default_factory=Vectors)
    """Word vectors."""
    net: TextNet = field(default_factory=TextNet)
    """Layers."""
    fit: FitConfig = field(default_factory=FitConfig)
    """The training loop."""

    def __post_init__(self) -> None:
        if self.texts.labels == "several" and (self.net.members > 1 or self.fit.label_smoothing):
            raise UserError("texts.labels several takes one network (net.members 1) without fit.label_smoothing")
        if self.texts.tokenizer != WORDPIECE:
            return
        given = self.vectors
        if given.mode not in ("static", "nonstatic") or given.free or given.unseen or given.word_dropout:
            raise UserError(
                "texts.tokenizer wordpiece is for an encoder: vectors.mode static or nonstatic, without free, unseen"
                " and word_dropout"
            )
        if self.net.members > 1:
            raise UserError("net.members is for word vectors of a table, not for an encoder")


# AdamW with the rate falling to zero takes the place of Kim's Adadelta and of choosing an epoch: every training text is
# learned from, and no run ends on a bad step. Arithmetic in float32, so that an answer is the same on every processor.
# On few texts more passes: docs/experiments/text.md.
RECIPE = FitConfig(
    epochs=5,
    least_steps=300,
    batch_size=50,
    learning_rate=0.001,
    weight_decay=0.01,
    schedule="linear",
    warmup=0.1,
    precision="fp32",
)
# The cleaning of Kim writes "is n't" and "film 's", as the texts that GloVe learned from did. Beside the 50 given
# dimensions, 100 free ones learn what these data need; unseen words have at least the given ones.
WORDS = TextData(tokenizer="kim")
GLOVE = Vectors(mode="nonstatic", source="glove-50d", free=100, unseen=400_000, dropout=0.2)

# Figures: one thread of a 2-core virtual machine, 2026-11-24; protocol in docs/experiments/text.md. SST-2:
# python -m apps.bench text-accuracy --data sst --seeds 5. The folds were those of an earlier way to hold out.
# movie-snippets, 1,008 test sentences: with --fit.calibration 0, Intel Xeon with AMX, 2026-11-26; rand 81.12 ± 1.22 %.
PRESETS = {
    # cnn-text folds --preset rand --data mr --k 10: 21 CPU-seconds a fold, MR 76.77 ± 0.68 % (10 folds).
    "rand": TextConfig(fit=RECIPE),
    # cnn-text train --preset static: 7 CPU-seconds, movie-snippets 76.06 ± 0.06 % (3 seeds).
    "static": TextConfig(texts=WORDS, vectors=replace(GLOVE, mode="static", free=0, dropout=0.0), fit=RECIPE),
    # cnn-text folds --preset nonstatic --data mr --k 10: 18 CPU-seconds a fold, MR 78.56 ± 0.96 % (10 folds);
    # SST-2 83.75 ± 0.33 % (5 seeds).
    "nonstatic": TextConfig(texts=WORDS, vectors=GLOVE, fit=replace(RECIPE, epochs=6)),
    # cnn-text train --preset multichannel: 18 CPU-seconds, movie-snippets 81.88 ± 0.41 % (3 seeds).
    "multichannel": TextConfig(texts=WORDS, vectors=replace(GLOVE, mode="multichannel"), fit=replace(RECIPE, epochs=6)),
    # cnn-text folds --preset best --data mr --k 10: 60 CPU-seconds a fold, MR 78.88 ± 0.69 % (6 of the 10 folds);
    # SST-2 83.89 ± 0.30 % (5 seeds).
    "best": TextConfig(texts=WORDS, vectors=GLOVE, net=TextNet(members=4), fit=replace(RECIPE, epochs=6)),
    # Kim (2014) with Adadelta as published.
    # cnn-text train --preset kim: 24 CPU-seconds, movie-snippets 73.74 ± 0.60 % (3 seeds).
    "kim": TextConfig(
        texts=TextData(tokenizer="kim"),
        fit=FitConfig(
            epochs=12,
            batch_size=50,
            optimizer="adadelta",
            learning_rate=1.0,
            betas=(0.9, 0.95),
            weight_decay=0.0,
            schedule="constant",
            precision="fp32",
            validation=0.1,
            patience=3,
        ),
    ),
    # cnn-text train --preset deep: 21 CPU-seconds, movie-snippets 80.65 ± 1.05 % (3 seeds).
    "deep": TextConfig(
        texts=WORDS,
        vectors=GLOVE,
        net=TextNet(kind="deep", filters=100, blocks=3),
        fit=replace(RECIPE, epochs=4),
    ),
    # cnn-text train --preset characters: 145 CPU-seconds, movie-snippets 73.81 ± 0.14 % (2 seeds).
    # Kim's windows over the vectors of an encoder that stays as it was given. Intel Xeon with AMX, 2026-11-26:
    # cnn-text folds --preset contextual --data mr --k 10: 97 CPU-seconds a fold, MR 78.73 ± 0.96 % (10 folds);
    # SST-2 83.23 ± 0.27 % (3 seeds).
    "contextual": TextConfig(
        texts=TextData(tokenizer="wordpiece", longest=256),
        vectors=Vectors(mode="static", source="minilm"),
        net=TextNet(windows=(1, 3, 5), max_norm=0.0),
        fit=replace(RECIPE, epochs=4, batch_size=64, learning_rate=0.002, weight_decay=0.05, schedule="one-cycle"),
    ),
    # The same, and the encoder learns on: 207 CPU-seconds in bf16, SST-2 89.15 ± 0.36 % (3 seeds), MR 84.48 ± 0.92 %
    # (10 folds).
    "tuned": TextConfig(
        texts=TextData(tokenizer="wordpiece", longest=256),
        vectors=Vectors(mode="nonstatic", source="minilm", dropout=0.1),
        net=TextNet(windows=(1, 3, 5), max_norm=0.0),
        fit=replace(RECIPE, epochs=2, batch_size=32, precision="auto"),
    ),
    "characters": TextConfig(
        texts=TextData(tokenizer="characters", longest=400),
        vectors=Vectors(width=32),
        net=TextNet(kind="deep", filters=96, blocks=4, dropout=0.3),
        fit=replace(RECIPE, epochs=8, learning_rate=0.002),
    ),
}
_TEXT = {
    "net.dropout": Even(0.2, 0.7),
    "net.filters": OneOf((50, 100, 200)),
    "net.windows": OneOf(([2, 3, 4], [3, 4, 5], [2, 3, 4, 5])),
    "vectors.word_dropout": OneOf((0.0, 0.1, 0.2)),
}
_DEEP = {"net.dropout": Even(0.2, 0.7), "net.filters": OneOf((64, 96, 128))}
_FLAT = ("rand", "static", "nonstatic", "multichannel", "best", "kim")
RANGES = {name: USUAL | (_TEXT if name in _FLAT else _DEEP) for name in PRESETS}
RANGES["tuned"] = USUAL | {"net.dropout": Even(0.0, 0.5)}
RANGES["contextual"] = USUAL | {"net.dropout": Even(0.0, 0.6)}
"""Where `tune` searches."""
DEFAULT = "rand"  # needs no vectors, so that a first run fetches a few MB only
DATA_SETS = ("movie-snippets", "mr", "sst", "trec", "ag-news", "imdb", "glove-50d", "minilm")
"""Manifests that the app knows."""

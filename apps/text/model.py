"""The network for texts: built for a vocabulary, given its word vectors, and the step that trains it.

Letters: B batch, T time, D dimensions of a word vector, V words.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.text.config import TextConfig
from apps.text.front import PAD, UNKNOWN, WordFront
from apps.text.nets.deep import DeepNet
from apps.text.nets.encoder import EncoderFront
from apps.text.nets.window_net import WindowEnsemble, WindowNet
from apps.text.reading.tokenizers import WORDPIECE
from apps.text.words import encoder_files, vectors
from apps.text.words.vocabulary import BEGIN, END, FittedText
from cnn_core.console import note
from cnn_core.errors import UserError, first_line
from cnn_core.training.data import Batch
from cnn_core.training.inference import Forward, Step, call, classification, label_step


def forward(config: TextConfig) -> Forward:
    """The fast way to the logits where there is one, windows with a maximum over time of vectors of a table; else
    through the layers."""
    table = config.texts.tokenizer != WORDPIECE
    return fast if table and config.net.kind == "windows" and config.net.pool == "max" else call


def fast(model: nn.Module, words: Tensor) -> Tensor:
    """The logits of a WindowNet or WindowEnsemble by `window_maxima`, also where the training loop has wrapped it."""
    return model(words, fast=True)


def step(config: TextConfig) -> Step:
    """Cross-entropy over classes; in an ensemble, each network has its loss and learns from it alone."""
    # The shapes of the fast way depend on the words, which torch.compile has no use for.
    logits_of = call if config.fit.compile else forward(config)
    if config.texts.labels == "several":
        return label_step(logits_of)
    single = classification(config.fit.label_smoothing, logits_of)

    def ensemble(model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        if not model.training:
            return single(model, batch)
        logits = logits_of(model, batch.inputs)  # (B, members, classes)
        targets = batch.targets.repeat_interleave(logits.shape[1])
        loss = functional.cross_entropy(logits.flatten(0, 1), targets, label_smoothing=config.fit.label_smoothing)
        with torch.no_grad():
            accuracy = (logits.softmax(2).mean(1).argmax(1) == batch.targets).double().mean()
        return {"loss": loss, "accuracy": accuracy}

    return single if config.net.members == 1 else ensemble


LENGTH = 30  # words of the example


def example(config: TextConfig) -> Tensor:
    """Two texts (2, 30) int32 of the first words of any vocabulary."""
    return 1 + torch.arange(2 * LENGTH, dtype=torch.int32).view(2, LENGTH) % 3


def build(config: TextConfig, labels: Sequence[str], fitted: FittedText | None = None) -> nn.Module:
    """The network of `config` with one output for each label, for the words of `fitted`; all vectors random.

    Raises UserError without a vocabulary.
    """
    if fitted is None:
        raise UserError("the run has no vocabulary, which a network for texts needs; train again")
    words, net = fitted.vocabulary, config.net
    if fitted.encoder is not None:
        ends = [words.numbers.get(piece, UNKNOWN) for piece in (BEGIN, END)]
        encoder = EncoderFront(fitted.encoder, len(words), ends[0], ends[1], config.vectors)
        if net.kind == "deep":
            return DeepNet(encoder, net, len(labels))
        return WindowNet(encoder, encoder.channels, net, len(labels))
    front = WordFront(len(words), config.vectors, fitted.vector_width, words.unseen, net.members)
    if net.kind == "deep":
        return DeepNet(front, net, len(labels))
    if net.members > 1:
        return WindowEnsemble(front, net, len(labels))
    return WindowNet(front, front.channels, net, len(labels))


@torch.no_grad()
def initialize(model: nn.Module, config: TextConfig, fitted: FittedText) -> None:
    """Put the given vectors in; words without one keep random ones of the same variance.

    Raises UserError where the vectors are not available or have another width than when the vocabulary was made.
    """
    source = config.vectors.source
    if not source:
        return
    front = model.get_submodule("front")
    if isinstance(front, EncoderFront):
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        files = encoder_files.encoder_files(source)
        try:
            weights = load_file(files.weights)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{files.weights}: cannot be read ({first_line(error)})") from error
        front.load(weights, encoder_files.row_order(files.pieces))
        return
    assert isinstance(front, WordFront)
    vocabulary = fitted.vocabulary
    if source == vectors.WORD2VEC:
        from apps.text.data import load

        train: Any = load(config, fitted).train
        rows = [vocabulary.decode(train.row(i).tolist()) for i in range(len(train))]
        given, found = vectors.train_word2vec(rows, vocabulary.words, fitted.vector_width, config.texts.split_seed)
    else:
        given, found = vectors.look_up(source, vocabulary.words)
    found[[PAD, UNKNOWN]] = False
    numbers, table = torch.from_numpy(found.nonzero()[0]), torch.from_numpy(given[found])
    seen = numbers < front.seen_words
    note(f"{source}: vectors for {int(seen.sum())} of the {front.seen_words - 2} words of the training texts")
    if not seen.any():
        raise UserError(f"{source}: has no vector for any word of the training texts")
    table = (table - table[seen].mean(0)) * (config.vectors.scale / 3**0.5 / table[seen].std().clamp(min=1e-12))
    for target in front.tables():
        if target is front.learned and not front.fine_tuned:
            continue
        copies = 1 if target is front.fixed else front.members
        target.view(len(target), copies, -1)[numbers[seen], :, : table.shape[1]] = table[seen][:, None]
    if front.unseen is not None:
        front.unseen[numbers[~seen] - front.seen_words] = table[~seen].half()

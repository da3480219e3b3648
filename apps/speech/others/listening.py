"""Words among other sounds: the classes `unknown` and `silence` beside a list of words, drawn anew in every epoch.

Letters: N samples, L samples of a clip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from apps.speech.config import SpeechConfig
from apps.speech.corpora.clips import Clips
from apps.speech.others.pool import Pool, pool_of
from cnn_core.errors import UserError
from cnn_core.training.data import BlockOrder, Dataset, generator_of, part_of_order, together

UNKNOWN, SILENCE = "unknown", "silence"


@dataclass(frozen=True)
class Listening(Clips):
    """Clips of words, then clips of the classes in `shares`, of which each epoch takes its own.

    `shares` holds (class, share of an epoch); an epoch has all words, and of these classes so many clips, drawn
    from all there are.
    """

    shares: tuple[tuple[int, float], ...] = ()

    def epoch_length(self, epoch_samples: int) -> int:
        """See Split: all words and the share of the others."""
        words = len(self._words())
        whole = words + sum(self._others(words / (1 - sum(share for _, share in self.shares))))
        return epoch_samples if 0 < epoch_samples < whole else whole

    def order(self, seed: int, epoch: int, batch_size: int, epoch_samples: int = 0) -> Tensor:
        """See Split."""
        length = self.epoch_length(epoch_samples)
        words = self._words()
        whole = length == self.epoch_length(0)
        others = self._others(len(words) / (1 - sum(share for _, share in self.shares)) if whole else length)
        count = length - sum(others)
        generator = generator_of(seed, epoch)
        blocks = self.shuffling()
        if blocks.samples:
            parts = [words[BlockOrder(len(words), blocks, seed, epoch * count, count)[:]]]
        else:
            parts = [words if count == len(words) else words[part_of_order(len(words), seed, epoch, count)]]
        for (label, _), wanted in zip(self.shares, others, strict=True):
            rows = (self.targets.cpu() == label).nonzero().squeeze(1)
            chosen = torch.randperm(len(rows), generator=generator)[:wanted]
            if len(chosen) < wanted:  # a small folder of the user's comes several times
                chosen = torch.randint(0, len(rows), (wanted,), generator=generator)
            parts.append(rows[chosen])
        order = torch.cat(parts)
        shuffled = torch.randperm(len(order), generator=generator)
        if blocks.samples:  # the words come in the order of their blocks, at whichever places
            shuffled[shuffled < count] = torch.arange(count)
        return order[shuffled]

    def _words(self) -> Tensor:
        """The numbers of the clips of words."""
        others = torch.tensor([label for label, _ in self.shares])
        return (~torch.isin(self.targets.cpu(), others)).nonzero().squeeze(1)

    def _others(self, whole: float) -> list[int]:
        """Clips of each of the other classes in an epoch of `whole` clips."""
        return [round(whole * share) for _, share in self.shares]


def among_others(data: Dataset, config: SpeechConfig, spellings: tuple[str, ...], *, tested: bool) -> Dataset:
    """The data set with the two classes; with `tested` its test split has clips of them too.

    Raises UserError where the voices are missing.
    """
    train = data.train
    assert isinstance(train, Clips)
    pool = pool_of(spellings, config.others, train.inputs.numpy(), config.negatives, config.noise)
    labels = (*data.labels, UNKNOWN, SILENCE)
    unknown, silence = len(labels) - 2, len(labels) - 1
    first = _with(train, pool.unknown, unknown, pool.silence, silence)
    shares = ((unknown, config.others.share), (silence, config.others.silence))
    listening = Listening(first.inputs, first.targets, first.speakers, first.names, shares)
    validation, test = data.validation, data.test
    assert isinstance(test, Clips)
    if isinstance(validation, Clips):
        validation = _part(validation, pool, unknown, silence, "validation", config)
    if tested:
        test = _part(test, pool, unknown, silence, "test", config)
    return replace(data, train=listening, validation=validation, test=test, labels=labels)


def _part(clips: Clips, pool: Pool, unknown: int, silence: int, name: str, config: SpeechConfig) -> Clips:
    """The clips, with as many of the other classes as their shares say, at most all there are."""
    whole = len(clips) / (1 - config.others.share - config.others.silence)
    one, two = getattr(pool, f"unknown_{name}"), getattr(pool, f"silence_{name}")
    return _with(
        clips, one[: round(whole * config.others.share)], unknown, two[: round(whole * config.others.silence)], silence
    )


def _with(clips: Clips, unknown, unknown_label: int, silence, silence_label: int) -> Clips:
    count, names = len(unknown) + len(silence), (*clips.names, "others")
    targets = torch.cat([torch.full((len(unknown),), unknown_label), torch.full((len(silence),), silence_label)])
    inputs = together(clips.inputs, torch.from_numpy(unknown), torch.from_numpy(silence))
    speakers = torch.cat([clips.speakers, torch.full((count,), len(clips.names))])
    return Clips(inputs, torch.cat([clips.targets, targets]), speakers, names)


def check_one_word(labels: tuple[str, ...], name: str) -> None:
    """Raise UserError for a single word: without others beside it there is nothing to tell it from."""
    if len(labels) < 2:
        raise UserError(f"{name}: one word alone can only be learned beside the class unknown; leave --no-unknown out")

"""Which samples are held out, for testing, for validation or as a fold: stratified, shuffled by a seed, groups whole.

Every app holds out with these functions, with two exceptions that need no list of samples in memory: Go chooses games
by a hash of their first moves (`apps.go.data.choose`), and Speech Commands has a published rule by the speaker's name.
Letters: N samples, C classes, G groups.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from cnn_core.errors import UserError

Keys = Sequence[Hashable] | np.ndarray


def hold_out(labels: Keys, share: float, seed: int, groups: Keys | None = None) -> np.ndarray:
    """(N,) bool: the samples that are held out, about `share` of each class (0 < share < 1).

    Samples with equal `groups` (equal content, one speaker) go to one side; without it, each sample is a group. At
    least one sample is held out of each class that has two groups, and never all samples of a class. Groups of several
    classes (equal texts with contrary labels) may leave a class without a held-out sample, but never without others.

    Raises UserError when nothing can be held out, ValueError for another share.
    """
    if not 0 < share < 1:
        raise ValueError(f"the share held out must lie between 0 and 1, not {share:g}")
    table = _grouped(labels, groups)
    target = [max(round(share * size), 1) for size in table.class_sizes]
    groups_left = [len(members) for members in table.members]  # groups of each class that are not held out
    held_count = [0] * len(target)  # samples of each class that are held out
    held = np.zeros(len(table.counts), bool)

    def take(group: int) -> None:
        held[group] = True
        for label, count in table.counts[group]:
            held_count[label] += count
            groups_left[label] -= 1

    def is_spare(group: int) -> bool:
        return not held[group] and all(groups_left[label] > 1 for label, _ in table.counts[group])

    def fits(group: int, part: float) -> bool:
        return all(held_count[label] + part * count <= target[label] for label, count in table.counts[group])

    generator = np.random.default_rng(seed)
    for label in sorted(range(len(target)), key=lambda label: len(table.members[label])):  # the rarest chooses first
        members = table.members[label]
        for index in generator.permutation(len(members)).tolist():
            if held_count[label] >= target[label]:
                break
            if is_spare(members[index]) and fits(members[index], 1):
                take(members[index])
        if held_count[label] < target[label]:  # one more group, where that comes nearer to the share or is the first
            smallest = min(filter(is_spare, members), key=table.size, default=None)
            if smallest is not None and (not held_count[label] or fits(smallest, 0.5)):
                take(smallest)
    if not held.any():
        raise UserError(
            f"{len(table.group_of)} samples of {len(target)} classes, {len(held)} of them different, are too few to"
            f" hold out {share:.0%}; a class needs at least two different samples"
        )
    return held[table.group_of]


def folds(labels: Keys, count: int, seed: int, groups: Keys | None = None) -> np.ndarray:
    """(N,) int64: the fold 0..count-1 of each sample; samples with equal `groups` share theirs.

    Each class is spread evenly: its groups, shuffled and the larger ones first, go to the fold with the fewest samples
    of the class, and of those to the one with the fewest of all. A group of several classes counts for its commonest.

    Raises UserError when a fold gets no sample, ValueError for fewer than two folds.
    """
    if count < 2:
        raise ValueError(f"there must be at least two folds, not {count}")
    table = _grouped(labels, groups)
    order = np.random.default_rng(seed).permutation(len(table.counts)).tolist()
    of_class = [[0] * count for _ in table.members]
    total = [0] * count
    fold_of_group = np.zeros(len(table.counts), np.int64)
    for group in sorted(order, key=lambda group: -table.size(group)):
        label, _ = max(table.counts[group], key=lambda pair: pair[1])
        filled = of_class[label]
        fold = min(range(count), key=lambda fold: (filled[fold], total[fold]))
        filled[fold] += table.size(group)
        total[fold] += table.size(group)
        fold_of_group[group] = fold
    if not all(total):
        raise UserError(
            f"{len(table.group_of)} samples, {len(table.counts)} of them different, are too few for {count} folds"
        )
    return fold_of_group[table.group_of]


@dataclass(frozen=True)
class _Groups:
    """Samples by group and class, both by number."""

    group_of: np.ndarray
    """(N,) the group of each sample."""
    counts: list[list[tuple[int, int]]]
    """Of each group, its classes and how many samples of them it has."""
    members: list[list[int]]
    """Of each class, the groups that have samples of it."""
    class_sizes: list[int]

    def size(self, group: int) -> int:
        """Samples of a group."""
        return sum(count for _, count in self.counts[group])


def _grouped(labels: Keys, groups: Keys | None) -> _Groups:
    classes, class_of = np.unique(np.asarray(labels), return_inverse=True)
    if groups is None:
        group_of = np.arange(len(class_of))
    else:
        numbers: dict[Hashable, int] = {}
        group_of = np.array([numbers.setdefault(key, len(numbers)) for key in groups], np.int64)
    pairs, sizes = np.unique(group_of * len(classes) + class_of, return_counts=True)
    counts: list[list[tuple[int, int]]] = [[] for _ in range(int(group_of.max(initial=-1)) + 1)]
    members: list[list[int]] = [[] for _ in classes]
    for pair, size in zip(pairs.tolist(), sizes.tolist(), strict=True):
        group, label = divmod(pair, len(classes))
        counts[group].append((label, size))
        members[label].append(group)
    return _Groups(group_of, counts, members, np.bincount(class_of, minlength=len(classes)).tolist())

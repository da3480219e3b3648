"""Train and test splits and folds: stratified, shuffled by a seed, equal texts always on one side.

Letters: N texts.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from cnn_core.errors import UserError


def folds(keys: Sequence[Any], labels: Sequence[str], count: int, seed: int) -> list[int]:
    """The fold 0..count-1 of each of N texts; texts with equal `keys` (their tokens, say) share theirs.

    Each class is spread evenly: its groups of equal texts, shuffled and the larger ones first, go to the fold with
    the fewest of the class, and of those to the one with the fewest texts. Raises UserError when a fold gets none.
    """
    members: dict[Any, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        members[key].append(number)
    groups = list(members.values())
    random.Random(seed).shuffle(groups)
    groups.sort(key=len, reverse=True)
    filled, totals = defaultdict(lambda: [0] * count), [0] * count
    found = [0] * len(keys)
    for group in groups:
        label = Counter(labels[number] for number in group).most_common(1)[0][0]  # of a group with several labels
        fold = min(range(count), key=lambda f: (filled[label][f], totals[f]))
        filled[label][fold] += len(group)
        totals[fold] += len(group)
        for number in group:
            found[number] = fold
    if not all(totals):
        raise UserError(f"{len(groups)} different texts are too few for {count} folds")
    return found


def set_aside(keys: Sequence[Any], labels: Sequence[str], share: float, seed: int) -> list[bool]:
    """Which of N texts are set aside for testing: a share of each class, equal texts on one side.

    Raises UserError when nothing can be set aside, or nothing is left.
    """
    members: dict[str, dict[Any, list[int]]] = defaultdict(lambda: defaultdict(list))
    owner: dict[Any, str] = {}
    for number, (key, label) in enumerate(zip(keys, labels, strict=True)):
        members[owner.setdefault(key, label)][key].append(number)
    found = [False] * len(keys)
    for label in sorted(members):
        groups = list(members[label].values())
        random.Random(f"{seed} {label}").shuffle(groups)
        wanted, taken = share * sum(map(len, groups)), 0
        for group in groups[:-1]:
            if taken + len(group) / 2 > wanted and taken:
                break
            taken += len(group)
            for number in group:
                found[number] = True
    if not any(found) or all(found):
        raise UserError(
            f"{len(members)} classes of {len(owner)} different texts are too few to set some aside for testing"
        )
    return found

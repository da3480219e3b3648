"""What comes after a position: more to learn from each game than its next move, while training only.

The board some moves later and the two moves after the next one say what the stones are for; a network that has to
foresee them learns faster (Tian & Zhu 2016; Wu 2019). Its answers about them are then thrown away.

Three planes of uint8 follow those of the position:

    BOARDS      one for each of AHEAD: 1 a stone of the player to move, 2 of the opponent, 0 empty
    REPLIES     1 where the opponent answers the next move, 2 where the player moves after that (3 is both)

Letters: B batch, n points, size x size the board.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from apps.go.records.collection import Collection
from apps.go.rules import encode
from apps.go.rules.encode import KIND, POINT, WHITE_BIT

AHEAD = (8, 32)
"""How many moves later the boards are."""
REPLIES = 2
PLANES = len(AHEAD) + 1
OUTPUTS = 3 * len(AHEAD) + REPLIES
"""Numbers that the network gives for each point: three logits for each board, one for each reply."""


def planes(games: Collection, samples: np.ndarray, size: int) -> Tensor:
    """(B, PLANES, size, size) uint8 for `samples` (B, 2): game, and index of the next move among all moves."""
    out = np.zeros((len(samples), PLANES, size * size), np.uint8)
    game, index = samples.T
    last = games.offsets[game + 1] - 1
    scratch = encode.new_scratch(size)
    for k, ahead in enumerate(AHEAD):
        # The position before move index + ahead, or before the last one: that is where the record ends.
        at = np.minimum(index + ahead, last)
        board = np.empty((len(samples), 1, size * size), np.uint8)
        encode.replay_samples(scratch, games.moves, games.offsets, games.komi, np.stack((game, at), 1), 1, board)
        stones = board[:, 0] & 3
        turned = (games.moves[at] & WHITE_BIT) != (games.moves[index] & WHITE_BIT)  # the other player is to move there
        out[:, k] = np.where(turned[:, None] & (stones > 0), 3 - stones, stones)
    for reply in range(1, REPLIES + 1):
        entry = games.moves[np.minimum(index + reply, last)].astype(np.int64)
        visible = np.flatnonzero((index + reply <= last) & (entry & KIND == 0) & (entry & POINT < size * size))
        out[visible, -1, entry[visible] & POINT] |= reply
    return torch.from_numpy(out).view(-1, PLANES, size, size)


def losses(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(of the boards, of the replies): cross-entropy a point, and a reply; both means over the batch.

    `outputs` are (B, OUTPUTS * n), `wanted` the planes (B, PLANES, size, size).
    """
    count = len(AHEAD)
    logits = outputs.float().unflatten(1, (OUTPUTS, -1))  # (B, OUTPUTS, n)
    boards = logits[:, : 3 * count].unflatten(1, (count, 3)).transpose(1, 2)  # (B, 3, boards, n)
    targets = targets.flatten(2).long()  # (B, PLANES, n)
    board_loss = functional.cross_entropy(boards, targets[:, :count])
    flags = torch.tensor([1 << k for k in range(REPLIES)], device=targets.device)[:, None]
    visible = (targets[:, count:] & flags) > 0  # (B, REPLIES, n); none where the game was over, or for a pass
    reply_loss = -(visible * logits[:, 3 * count :].log_softmax(2)).sum(2).mean()
    return board_loss, reply_loss

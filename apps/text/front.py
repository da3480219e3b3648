"""The front end: word numbers to word vectors, the "image" whose rows are words. Letters: B batch, T time, C channels,
V words of the training texts, W unseen words, G dimensions of a given vector, D of a learned one."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.text.config import Vectors

PAD, UNKNOWN = 0, 1
FAINT = 0.01  # an unknown word says next to nothing; zero is the pad alone (see nets.layers.text_lengths)


class WordFront(nn.Module):
    """Word numbers (B, T), padded with 0 at the end, to word vectors (B, C, T) floats; pads are zero.

    Up to two tables, one group of channels each: `fixed` (V, G) stays as given, `learned` (V, D) learns, from sparse
    gradients; its first G dimensions are given too, the others free. Words that occur in no training text lie in
    `unseen` (W, G), half precision, for both groups; their free dimensions are zero. With `members`, the learned table
    has a group for each, and the channels of one member lie together.
    While training, words are replaced by the unknown one and values set to zero at random.
    """

    def __init__(self, words: int, config: Vectors, given: int, unseen: int = 0, members: int = 1):
        super().__init__()
        self.dropout, self.word_dropout = config.dropout, config.word_dropout
        self.seen_words = words - unseen
        fixed = given if config.mode in ("static", "multichannel") else 0
        learned = {"rand": config.width, "static": 0}.get(config.mode, given) + (config.free if given else 0)
        self.fixed: Tensor | None
        self.unseen: Tensor | None
        self.register_buffer("fixed", torch.zeros(self.seen_words, fixed) if fixed else None)
        self.register_buffer("unseen", torch.zeros(unseen, given, dtype=torch.float16) if unseen else None)
        self.learned = nn.Parameter(torch.zeros(self.seen_words, members * learned)) if learned else None
        self.fine_tuned = config.mode in ("nonstatic", "multichannel")  # given vectors learn, in the table `learned`
        self.members, self.channels = members, fixed + learned  # channels of one member
        with torch.no_grad():
            for table in self.tables():
                table.uniform_(-config.scale, config.scale)
                table[PAD] = 0
                table[UNKNOWN] *= FAINT
        if self.learned is not None:
            self.learned.row_sparse = True  # type: ignore[attr-defined]  # read by cnn_core.training.optim

    def tables(self) -> list[Tensor]:
        """The tables of the words of the training texts, fixed before learned."""
        return [table for table in (self.fixed, self.learned) if table is not None]

    def rows(self, words: Tensor) -> Tensor:
        """Vectors (..., members * C) of words (...); no gradient reaches the pad's."""
        seen = words if self.unseen is None else words.masked_fill(words >= self.seen_words, PAD)
        parts = [] if self.fixed is None else [functional.embedding(seen, self.fixed)] * self.members
        if self.learned is not None:
            learned = functional.embedding(seen, self.learned, padding_idx=PAD, sparse=self.training)
            parts += learned.chunk(self.members, -1)
        if self.unseen is not None and not self.training:  # training texts have none
            others = functional.embedding((words - self.seen_words).clamp(min=0), self.unseen).to(parts[0].dtype)
            others = others * (words >= self.seen_words)[..., None]
            fixed = 0 if self.fixed is None else self.members
            parts = [
                part + functional.pad(others, (0, part.shape[-1] - others.shape[-1]))
                if number < fixed or self.fine_tuned
                else part
                for number, part in enumerate(parts)
            ]
        if self.fixed is not None and self.learned is not None:  # each member's two groups side by side
            parts = [part for both in zip(parts[: self.members], parts[self.members :], strict=True) for part in both]
        vectors = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
        return functional.dropout(vectors, self.dropout, self.training)

    def drop_words(self, words: Tensor) -> Tensor:
        """The words (B, T), in training some of them replaced by the unknown one."""
        if not (self.training and self.word_dropout):
            return words
        dropped = (torch.rand(words.shape, device=words.device) < self.word_dropout) & (words != PAD)
        return words.masked_fill(dropped, UNKNOWN)

    def forward(self, words: Tensor) -> Tensor:
        """(B, T) -> (B, members * C, T)."""
        return self.rows(self.drop_words(words)).transpose(1, 2)

"""A Transformer encoder (Devlin et al. 2019) as a front end: a text's pieces to vectors that depend on the whole text.

Letters: B batch, T time (pieces), C channels of a vector, H heads, V pieces.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from apps.text.config import Vectors
from apps.text.nets.layers import text_lengths
from apps.text.words.vocabulary import EncoderShape
from cnn_core.errors import UserError

MOST_CACHED = 1 << 30
"""Bytes of vectors that are kept while a frozen encoder is trained behind; beyond, they are computed again."""


class Block(nn.Module):
    """Attention over all pieces and a dense part, each added to its input and normalized; (B, T, C) -> (B, T, C)."""

    def __init__(self, shape: EncoderShape, dropout: float = 0.0):
        super().__init__()
        self.heads, self.dropout = shape.heads, dropout
        self.query, self.key, self.value, self.mixed = (nn.Linear(shape.width, shape.width) for _ in range(4))
        self.wide, self.narrow = nn.Linear(shape.width, shape.hidden), nn.Linear(shape.hidden, shape.width)
        self.norm1, self.norm2 = (nn.LayerNorm(shape.width, eps=1e-12) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`mask` (B, 1, 1, T) is true where there is a piece."""
        query, key, value = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )  # (B, H, T, C / H)
        off = self.dropout if self.training else 0.0
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=off)
        x = self.norm1(functional.dropout(self.mixed(seen.transpose(1, 2).flatten(2)), off) + x)
        return self.norm2(functional.dropout(self.narrow(functional.gelu(self.wide(x))), off) + x)


class EncoderFront(nn.Module):
    """Piece numbers (B, T), padded with 0 at the end, to vectors (B, C, T) floats; pads are zero.

    The pieces that begin and end a text are put around it and left out again. The encoder stays as it was given (mode
    static), or learns: whole, or its last `learning` blocks, at `rate` times the learning rate of the other layers and
    with dropout inside.
    """

    def __init__(self, shape: EncoderShape, pieces: int, begin: int, end: int, config: Vectors):
        super().__init__()
        self.begin, self.end, self.channels = begin, end, shape.width
        self.longest = shape.positions - 2
        self.dropout = config.dropout
        self.pieces = nn.Embedding(pieces, shape.width)
        self.positions = nn.Parameter(torch.zeros(shape.positions, shape.width))
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.frozen = config.mode == "static"
        inside = 0.0 if self.frozen else config.dropout
        self.blocks = nn.ModuleList(Block(shape, inside) for _ in range(shape.layers))
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(0, 0.02)
        self._cache: dict[bytes, Tensor] = {}
        self._cached = 0
        for parameter in self.parameters():
            parameter.requires_grad_(not self.frozen and not config.learning)
            parameter.rate = config.rate  # type: ignore[attr-defined]  # read by cnn_core.training.optim
        if not self.frozen and config.learning:
            for block in self.blocks[-config.learning :]:
                block.requires_grad_(True)

    def forward(self, words: Tensor) -> Tensor:
        """(B, T) -> (B, C, T). Raises ValueError for more pieces than there are positions."""
        tracing = torch.jit.is_tracing() or torch.compiler.is_compiling() or torch.compiler.is_exporting()
        if not tracing and words.shape[1] > self.longest:
            raise ValueError(f"a text has {words.shape[1]} pieces, and the encoder knows {self.longest} positions")
        if self.frozen and self.training and words.device.type == "cpu" and not tracing:
            vectors = self._kept(words)
        else:
            vectors = self.encode(words)
        return functional.dropout(vectors, self.dropout, self.training).transpose(1, 2)

    def encode(self, words: Tensor) -> Tensor:
        """(B, T) -> (B, T, C)."""
        lengths = text_lengths(words)
        places = torch.arange(words.shape[1] + 2, device=words.device)
        ends = (lengths + 1)[:, None]
        pieces = functional.pad(words, (1, 1))
        pieces = torch.where(places == ends, self.end, pieces)
        pieces = torch.where(places == 0, self.begin, pieces)
        x = self.norm(self.pieces(pieces) + functional.embedding(places, self.positions))
        mask = (places <= ends)[:, None, None]
        for block in self.blocks:
            x = block(x, mask)
        return x[:, 1:-1] * (places[:-2] < lengths[:, None])[..., None].to(x.dtype)

    @torch.no_grad()
    def _kept(self, words: Tensor) -> Tensor:
        """`encode` of an encoder that does not change: each text once, its vectors kept in half precision."""
        lengths = text_lengths(words).tolist()
        rows = words.numpy()
        keys = [rows[i, :length].tobytes() for i, length in enumerate(lengths)]
        missing = [i for i, key in enumerate(keys) if key not in self._cache]
        fresh = {}
        if missing:
            longest = max(max(lengths[i] for i in missing), 1)
            for i, vectors in zip(missing, self.encode(words[missing, :longest]).half(), strict=True):
                fresh[keys[i]] = vectors[: lengths[i]].clone()
        for key, vectors in fresh.items():
            if self._cached + vectors.nbytes <= MOST_CACHED:
                self._cache[key] = vectors
                self._cached += vectors.nbytes + len(key)
        found = torch.zeros(*words.shape, self.channels)
        for i, (key, length) in enumerate(zip(keys, lengths, strict=True)):
            found[i, :length] = fresh[key] if key in fresh else self._cache[key]
        return found

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor], order: list[int]) -> None:
        """Put in the weights of a file of the library transformers; `order` says which row each of our pieces has.

        Raises UserError where one is missing or has another shape.
        """
        prefix = "bert." if any(name.startswith("bert.") for name in weights) else ""

        def taken(name: str) -> Tensor:
            if f"{prefix}{name}" not in weights:
                raise UserError(f"the encoder's file lacks {name}")
            return weights[f"{prefix}{name}"].float()

        def put(target: Tensor, value: Tensor, name: str) -> None:
            if target.shape != value.shape:
                raise UserError(f"the encoder's {name} is {tuple(value.shape)}, not {tuple(target.shape)}")
            target.copy_(value)

        table = taken("embeddings.word_embeddings.weight")
        if len(table) < len(order):
            raise UserError(f"the encoder's file has vectors of {len(table)} pieces, and its list {len(order)}")
        put(self.pieces.weight, table[order], "table of pieces")
        kinds = taken("embeddings.token_type_embeddings.weight")[0]  # one text, not two: always the first kind
        put(self.positions, taken("embeddings.position_embeddings.weight") + kinds, "table of positions")
        parts = {"embeddings.LayerNorm": self.norm}
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            layer = f"encoder.layer.{number}"
            attention = f"{layer}.attention"
            parts |= {f"{attention}.self.{name}": getattr(block, name) for name in ("query", "key", "value")}
            parts |= {f"{attention}.output.dense": block.mixed, f"{attention}.output.LayerNorm": block.norm1}
            parts |= {f"{layer}.intermediate.dense": block.wide, f"{layer}.output.dense": block.narrow}
            parts |= {f"{layer}.output.LayerNorm": block.norm2}
        for name, module in parts.items():
            put(module.weight, taken(f"{name}.weight"), name)
            put(module.bias, taken(f"{name}.bias"), name)

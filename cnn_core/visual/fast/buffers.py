"""Memory that the steps of an ascent use again.

Fresh memory for every step may cost more than the arithmetic: the system hands out each page anew and zeroed.
The price is an order that must be kept: a backward pass before the next forward pass. Autograd sees a breach and
raises an error; nothing goes wrong silently.
"""

from __future__ import annotations

from torch import Tensor


class Memory:
    """Tensors by name."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def room(self, name: str, like: Tensor, *shape: int, zeroed: bool = False) -> Tensor:
        """The same tensor each time for one name, shape and type; its content is that of its last use."""
        kept = self._kept.get(name)
        if kept is None or kept.shape != shape or kept.dtype != like.dtype or kept.device != like.device:
            kept = self._kept[name] = like.new_zeros(shape) if zeroed else like.new_empty(shape)
        return kept

"""Texts with labels, as every reader gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.text.reading.form import AUTO, Form


@dataclass(frozen=True)
class Texts:
    """N texts and the names of their classes, in the order of the source."""

    texts: list[str]
    labels: list[str]
    notes: tuple[str, ...] = ()
    """What was guessed about the source or stands out in it, one line each."""
    form: Form = AUTO
    """How the file was read."""

    def __len__(self) -> int:
        return len(self.texts)

    def subset(self, chosen: np.ndarray) -> Texts:
        """The texts where `chosen` (N,) bool is true; the notes stay with the whole."""
        index = np.flatnonzero(chosen).tolist()
        return Texts([self.texts[i] for i in index], [self.labels[i] for i in index], form=self.form)

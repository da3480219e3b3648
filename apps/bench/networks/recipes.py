"""What each ready-made network is made of; no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """One ready-made network: how it is trained, and what its card says beside the figures."""

    app: str
    title: str
    preset: str
    data: str
    licence: str
    test: str
    not_for: str
    options: tuple[str, ...] = ()
    """Of `train`, beside the preset and the seed."""
    rows: tuple[str, ...] = ()
    """Weights that are kept as int8 rows."""
    default: bool = False

    def command(self, seed: int) -> list[str]:
        """The arguments of `cnn-APP train`, without --out."""
        return ["--preset", self.preset, "--seed", str(seed), *self.options]


MNIST = "MNIST, 60,000 digits of US census staff and students; public-domain NIST data, passed on as CC BY-SA 3.0"
NO_DECISIONS = "no decision about people, money or safety"
RECIPES = {
    "digits": Recipe(
        app="digits",
        title="handwritten digits, averaged over augmented pictures",
        preset="accurate",
        data=MNIST,
        licence="MIT; weights derived from MNIST",
        test="MNIST's 10,000 test digits, by other writers",
        not_for=f"letters, several digits in one picture, other scripts; {NO_DECISIONS}",
        default=True,
    ),
    "digits-lecture": Recipe(
        app="digits",
        title="the lecture's own network: 25 and 50 filters of 3x3",
        preset="lecture",
        data=MNIST,
        licence="MIT; weights derived from MNIST",
        test="MNIST's 10,000 test digits, by other writers",
        not_for=f"letters, several digits in one picture, other scripts; {NO_DECISIONS}",
    ),
}

"""What each ready-made network is made of; no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace


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
DIGITS = Recipe(
    app="digits",
    title="handwritten digits, averaged over augmented pictures",
    preset="accurate",
    data=MNIST,
    licence="MIT; weights derived from MNIST",
    test="MNIST's 10,000 test digits, by other writers",
    not_for=f"letters, several digits in one picture, other scripts; {NO_DECISIONS}",
    default=True,
)
LECTURE = replace(DIGITS, title="the lecture's own network: 25 and 50 filters of 3x3", preset="lecture", default=False)
RECIPES = {
    "digits": DIGITS,
    "digits-lecture": LECTURE,
    "go-9x9": Recipe(
        app="go",
        title="moves, winner and owners on 9x9, without pooling, weights tied over the eight symmetries",
        preset="small",
        data="games of networks of this suite against themselves, the first of which learned from GNU Go's games",
        licence="MIT; weights derived from games of this suite's own making",
        test="positions of such games that were held out",
        not_for="other boards than 9x9, strong players: it reads nothing out",
        options=("--data", "selfplay-9x9"),
        default=True,
    ),
    "go-13x13": Recipe(
        app="go",
        title="moves, winner and owners on 13x13, without pooling, weights tied over the eight symmetries",
        preset="medium",
        data="GNU Go's games against itself, after the 9x9 games behind @go-9x9, whose weights it began with",
        licence="MIT; weights derived from games of GNU Go and of this suite's own making",
        test="positions of such games of GNU Go that were held out",
        not_for="other boards than 13x13, strong players: it reads nothing out",
        options=("--init", "@go-9x9"),
    ),
    "speech-digits": Recipe(
        app="speech",
        title="ten spoken English digits, from synthetic voices",
        preset="time",
        data="synthetic voices of eSpeak NG and SVOX Pico, made for this suite",
        licence="MIT; weights derived from recordings of this suite's own making",
        test="the same words by synthetic voices that were held out: real speakers are told less well",
        not_for="other words, which it takes for digits, continuous listening, who speaks",
        default=True,
    ),
    "text-sentiment": Recipe(
        app="text",
        title="praise or blame in English sentences about films",
        preset="nonstatic",
        data="sentences of film reviews labelled by people (MIT, with vaderSentiment); GloVe vectors (PDDL)",
        licence="MIT; weights derived from labelled sentences; words and weights only, no sentence",
        test="sentences of the same reviews that were held out",
        not_for=f"other subjects and languages, irony; {NO_DECISIONS}",
        options=("--texts.most-words", "6000", "--vectors.free", "30", "--vectors.unseen", "8000"),
        rows=("front.learned", "front.unseen"),
        default=True,
    ),
}

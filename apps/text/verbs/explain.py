"""explain: the words and n-grams that decided, as coloured text in the terminal and as a page."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from cnn_core.runs import Run


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Shared):
    """Options of explain."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    inputs: positional(tuple[str, ...]) = ()  # type: ignore[valid-type]
    """Texts in quotes, or numbers of test texts."""
    target: str = ""
    """Class to explain; the network's own answer when left out."""
    grams: int = 5
    """How many n-grams to list for each class."""
    steps: int = 64
    """Steps of the integrated gradients that the answer is checked against."""
    colour: Literal["auto", "always", "never"] = "auto"
    """Colours in the terminal; auto: where standard output is one, unless NO_COLOR is set."""
    out: Path | None = None
    """HTML page to write; RUN/explain/texts.html when left out."""


parse = parser(ExplainOptions, "Which words and n-grams spoke for the answer (red) and against it (blue).")


def run(app: App, options: ExplainOptions) -> Outcome:
    """Explain each text, print it coloured, and write the page."""
    if not options.inputs:
        raise UserError("name the texts to explain: in quotes, or numbers of test texts")
    if options.grams < 1 or options.steps < 1:
        raise UserError("--grams and --steps must be at least 1")

    from apps.text.verbs import coloured_text
    from cnn_core import runs
    from cnn_core.drawing.pages import Page
    from cnn_core.training import device

    trained = runs.restore(app, options.run, device.choose(options.common.device or "cpu", options.common.threads))
    if options.target and options.target not in trained.labels:
        raise UserError(f"--target {options.target}: no such class; there are {', '.join(trained.labels[:20])}")
    paint = coloured_text.terminal if _use_colour(options) else coloured_text.marked
    found, blocks = [], []
    page = Page("Why these answers?")
    page.text("Red words spoke for the answer, blue ones against it; a word's score is shown where the pointer rests.")
    for text, truth in _texts(trained, options.inputs):
        for answer, scores in _explained(trained, text, options):
            found.append({**answer, "truth": truth})
            verdict = f"{answer['target']} p={answer['probability']:.3f}" + (f", truth {truth}" if truth else "")
            if answer["target"] not in answer["answer"].split(", "):
                verdict += f" (its answer is {answer['answer']})"
            rows = [[c, g["text"], f"{g['score']:+.3f}"] for c, grams in answer["grams"].items() for g in grams]
            check = f"agreement with integrated gradients: r = {answer['agreement']:.3f}" if answer["exact"] else ""
            listing = table(["for", "n-gram", "score"], rows) if rows else ""
            blocks.append("\n".join(filter(None, [verdict, paint(answer["words"], scores), "", listing, check])))
            page.heading(verdict)
            page.words(answer["words"], scores)
            if rows:
                page.table(["for", "n-gram", "score"], rows)
            if check:
                page.text(check)
    out = options.out or options.run / "explain" / "texts.html"
    page.save(out)
    return Outcome(
        {"run": str(options.run), "explained": found, "page": str(out)}, "\n\n".join([*blocks, f"page: {out}"])
    )


def _explained(trained: Run, text: str, options: ExplainOptions) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """(an answer and its reasons, the scores of the words); a word made of pieces has their sum.

    Of several labels each that is told is explained, or the likeliest where none is.
    """
    import numpy as np
    import torch

    from apps.text.reading.tokenizers import WORDPIECE
    from apps.text.verbs.attributions import agreement, integrated_reasons, reasons
    from apps.text.words.vocabulary import whole_words
    from cnn_core.metrics.limits import NO_LABEL

    vocabulary = trained.fitted.vocabulary
    tokens = vocabulary.tokenize(text)
    words = torch.from_numpy(vocabulary.encode(tokens))
    if not len(words):
        raise UserError("a text without words has no words that decided; give another")
    model, labels = trained.model.cpu(), trained.labels
    with torch.no_grad():
        probabilities = trained.probabilities(model(words[None]))[0]
    alone = trained.several_labels
    told = (probabilities >= trained.thresholds).nonzero()[:, 0].tolist() if alone else []
    answer = ", ".join(labels[c] for c in told) if alone else labels[int(probabilities.argmax())]
    told = told or [int(probabilities.argmax())]
    whole = whole_words(tokens) if vocabulary.tokenizer == WORDPIECE else [(t, i, i + 1) for i, t in enumerate(tokens)]
    for target in [labels.index(options.target)] if options.target else told:
        first = reasons(model, words, target, alone)
        scores = np.array([first.words[start:stop].sum() for _, start, stop in whole])
        steps = options.steps
        checked = agreement(first, integrated_reasons(model, words, target, steps, alone)) if first.exact else 1.0
        yield (
            {
                "text": text,
                "answer": answer or NO_LABEL,
                "target": labels[target],
                "probability": float(probabilities[target]),
                "words": [word for word, _, _ in whole],
                "scores": scores.tolist(),
                "rest": first.rest,
                "score": first.score,
                "exact": first.exact,
                "agreement": checked,
                "grams": _grams(model, words, tokens, labels, options.grams, alone),
            },
            scores,
        )


def _grams(
    model: Any, words: Tensor, tokens: list[str], labels: tuple[str, ...], count: int, alone: bool
) -> dict[str, Any]:
    """For each class, the n-grams that spoke most for it."""
    from apps.text.verbs.attributions import reasons
    from apps.text.words.vocabulary import joined

    found = {}
    for number, label in enumerate(labels):
        best = sorted((g for g in reasons(model, words, number, alone).grams if g.score > 0), key=lambda g: -g.score)
        found[label] = [{"text": joined(tokens[g.start : g.stop]), "score": g.score} for g in best[:count]]
    return {label: grams for label, grams in found.items() if grams}


def _texts(trained: Run, inputs: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """(text, its class where that is known) of each argument."""
    test: Any = trained.app.load(trained.config).test if any(each.isdigit() for each in inputs) else None
    found: list[tuple[str, str | None]] = []
    for each in inputs:
        if not each.isdigit():
            found.append((each, None))
        elif int(each) >= len(test):
            raise UserError(f"{each}: the test split has texts 0 to {len(test) - 1}")
        else:
            target = test.targets[int(each)]
            numbers = target.nonzero()[:, 0].tolist() if target.dim() else [int(target)]
            found.append((test.texts[int(each)], ", ".join(trained.labels[n] for n in numbers)))
    return found


def _use_colour(options: ExplainOptions) -> bool:
    if options.colour != "auto":
        return options.colour == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")

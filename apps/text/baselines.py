"""Linear models to compare with, on the same splits: a network that does not beat them is not worth its time.

Letters: N texts, F features, C classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

import numpy as np

from apps.text.linear import LinearModel, grams
from cnn_core.benchmark import cpu_seconds
from cnn_core.errors import UserError
from cnn_core.metrics.classes import confusion_matrix
from cnn_core.optional import require
from cnn_core.training.holdout import hold_out

Rows = Sequence[list[str]]
VALIDATION = 0.15  # of the training texts, on which C and smoothing are chosen
BETA = 0.25  # how far NB-SVM's weights go from their mean size to the SVM's (Wang and Manning 2012)
WEIGHTS = ("balanced", None)
"""Whether classes count alike in the loss, however many texts each has."""
NB_SVM_GRID = tuple(product((0.01, 0.03, 0.1, 0.3, 1.0), (0.3, 1.0)))  # C, smoothing
TFIDF_GRID = tuple(product((1.0, 3.0, 10.0, 30.0), WEIGHTS))  # C, weights


@dataclass(frozen=True)
class Baseline:
    """How a linear model did; `predictions` (N,) on the test texts."""

    name: str
    accuracy: float
    macro_f1: float
    train_seconds: float
    """CPU-seconds of training, features and the choice of its settings included."""
    texts_per_second: float
    """Test texts answered in a CPU-second, features included."""
    predictions: np.ndarray
    model: LinearModel


def compare(train: Rows, targets: np.ndarray, test: Rows, truth: np.ndarray) -> list[Baseline]:
    """Both linear models, trained on tokenized texts and asked on others; targets and truth (N,) class numbers.

    Raises UserError where scikit-learn is missing.
    """
    require("sklearn", "comparing with linear models")
    found = []
    for name, fit in MODELS.items():
        with cpu_seconds() as trained:
            model = fit(train, targets)
        with cpu_seconds() as answered:
            predictions = model.predict(test)
        right = float((predictions == truth).mean())
        speed = len(test) / max(answered.cpu, 1e-6)
        found.append(Baseline(name, right, macro_f1(truth, predictions), trained.cpu, speed, predictions, model))
    return found


def validated(rows: Rows, targets: np.ndarray) -> dict[str, float]:
    """Macro F1 of each linear model on a stratified part of the texts, trained on the others."""
    held = hold_out(targets, VALIDATION, 1)
    rest, asked = divided(rows, held)
    models = {name: fit(rest, targets[~held]) for name, fit in MODELS.items()}
    return {name: macro_f1(targets[held], model.predict(asked)) for name, model in models.items()}


def divided(rows: Rows, held: np.ndarray) -> tuple[Rows, Rows]:
    """(the texts that are not held out, those that are), `held` (N,) bool."""
    both = list(zip(rows, held.tolist(), strict=True))
    return [row for row, out in both if not out], [row for row, out in both if out]


def macro_f1(truth: np.ndarray, predictions: np.ndarray) -> float:
    """Mean F1 of the classes that truth or predictions hold."""
    counts = confusion_matrix(truth, predictions, int(max(truth.max(), predictions.max())) + 1)
    hits, total = counts.diagonal(), counts.sum(0) + counts.sum(1)
    return float((2 * hits[total > 0] / total[total > 0]).mean())


def tfidf(train: Rows, targets: np.ndarray) -> LinearModel:
    """Logistic regression on TF-IDF (logarithmic counts) of words and pairs; C chosen on validation."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    features = TfidfVectorizer(analyzer=cast(Any, grams), sublinear_tf=True, min_df=min(2, len(train)))
    x = _filled(features.fit_transform, train)

    def fit(part: np.ndarray, c: float, weights: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        model = LogisticRegression(C=c, class_weight=weights, max_iter=300).fit(x[part], targets[part])
        weight, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
        if len(weight) == 1:
            weight, bias = np.concatenate([-weight, weight]), np.concatenate([-bias, bias])
        return np.asarray(model.classes_), weight.T, bias

    classes, weight, bias = _best(fit, TFIDF_GRID, x, targets)
    vocabulary = tuple(features.get_feature_names_out().tolist())
    return LinearModel("tfidf", vocabulary, np.asarray(features.idf_, np.float32), weight, bias, classes)


def nb_svm(train: Rows, targets: np.ndarray) -> LinearModel:
    """NB-SVM (Wang and Manning 2012): whether a word or pair is there, times its log-count ratio; one against the rest.

    C and the smoothing of the counts are chosen on validation. Three things differ from the authors', each so that the
    larger class does not swallow the rest, and none matters where classes are equal: a ratio is of the shares of the
    classes' texts, not of their words (whose sum the smoothing of a rare class would make); classes count alike in the
    loss; and there is no intercept, which would keep its size while the weights are drawn towards their mean one.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.svm import LinearSVC

    counter = CountVectorizer(analyzer=cast(Any, grams), binary=True)
    x = _filled(counter.fit_transform, train).astype(np.float64)  # (N, F)

    def fit(part: np.ndarray, c: float, smoothing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        own, labels = x[part], targets[part]
        classes = np.unique(labels)
        columns = []
        for label in classes if len(classes) > 2 else classes[1:]:
            positive = labels == label
            p, q = (
                (smoothing + np.asarray(own[side].sum(0)).ravel()) / (2 * smoothing + side.sum())
                for side in (positive, ~positive)
            )
            ratio = np.log(p / q)  # (F,)
            svm = LinearSVC(C=c, class_weight="balanced", fit_intercept=False, max_iter=5000, random_state=0)
            weight = svm.fit(own.multiply(ratio).tocsr(), positive).coef_[0]
            columns.append(ratio * ((1 - BETA) * np.abs(weight).mean() + BETA * weight))
        if len(classes) == 2:
            columns.insert(0, -columns[0])
        return classes, np.stack(columns, 1), np.zeros(len(classes))

    classes, weight, bias = _best(fit, NB_SVM_GRID, x, targets)
    return LinearModel("binary", tuple(counter.get_feature_names_out().tolist()), None, weight, bias, classes)


MODELS: dict[str, Callable[[Rows, np.ndarray], LinearModel]] = {
    "TF-IDF + logistic regression": tfidf,
    "NB-SVM, words and pairs": nb_svm,
}


def _best(
    fit: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]],
    grid: Sequence[tuple[Any, ...]],
    x: Any,
    targets: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`fit` on all texts with the settings that reach the best macro F1 on a part held out of them.

    Macro F1, for accuracy would let a rare class be passed over. Where nothing can be held out, the middle settings.
    """
    everything = np.arange(len(targets))
    settings = grid[len(grid) // 2]
    try:
        held = hold_out(targets, VALIDATION, 0)
    except UserError:  # too few texts
        held = np.zeros(len(targets), bool)
    if held.any() and len(np.unique(targets[~held])) == len(np.unique(targets)):
        scores = []
        for each in grid:
            classes, weight, bias = fit(everything[~held], *each)
            predictions = classes[(x[held] @ weight + bias).argmax(1)]
            scores.append((macro_f1(targets[held], predictions), float((predictions == targets[held]).mean())))
        settings = grid[max(range(len(grid)), key=scores.__getitem__)]
    return fit(everything, *settings)


def _filled(fit: Callable[[Rows], Any], train: Rows) -> Any:
    try:
        return fit(train)
    except ValueError as error:  # what it raises for texts without tokens
        raise UserError(f"the linear baselines find no words in the training texts ({error})") from None

"""Linear models to compare with, on the same splits: a network that does not beat them is not worth its time.

Letters: N texts, F features, C classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np

from cnn_core.benchmark import cpu_seconds
from cnn_core.errors import UserError
from cnn_core.metrics import confusion_matrix
from cnn_core.optional import require

Rows = Sequence[list[str]]


@dataclass(frozen=True)
class Baseline:
    """How a linear model did; `predictions` (N,) on the test texts."""

    name: str
    accuracy: float
    macro_f1: float
    train_seconds: float
    """CPU-seconds of training, features included."""
    texts_per_second: float
    """Test texts answered in a CPU-second, features included."""
    predictions: np.ndarray


def compare(train: Rows, targets: np.ndarray, test: Rows, truth: np.ndarray) -> list[Baseline]:
    """Both linear models, trained on tokenized texts and asked on others; targets and truth (N,) class numbers.

    Raises UserError where scikit-learn is missing.
    """
    require("sklearn", "comparing with linear models")
    found = []
    for name, fit in (("TF-IDF + logistic regression", tfidf), ("NB-SVM, words and pairs", nb_svm)):
        with cpu_seconds() as trained:
            answer = fit(train, targets)
        with cpu_seconds() as answered:
            predictions = answer(test)
        right = float((predictions == truth).mean())
        found.append(
            Baseline(
                name, right, macro_f1(truth, predictions), trained.cpu, len(test) / max(answered.cpu, 1e-6), predictions
            )
        )
    return found


def macro_f1(truth: np.ndarray, predictions: np.ndarray) -> float:
    """Mean F1 of the classes that truth or predictions hold."""
    counts = confusion_matrix(truth, predictions, int(max(truth.max(), predictions.max())) + 1)
    hits, total = counts.diagonal(), counts.sum(0) + counts.sum(1)
    return float((2 * hits[total > 0] / total[total > 0]).mean())


def grams(tokens: Sequence[str]) -> list[str]:
    """Words and pairs of neighbours."""
    return [*tokens, *(f"{a} {b}" for a, b in pairwise(tokens))]


def tfidf(train: Rows, targets: np.ndarray) -> Callable[[Rows], np.ndarray]:
    """Logistic regression on TF-IDF (logarithmic counts) of words and pairs; answers class numbers."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    features = TfidfVectorizer(analyzer=cast(Any, grams), sublinear_tf=True, min_df=min(2, len(train)))
    model = LogisticRegression(C=10, max_iter=300)
    model.fit(_filled(features.fit_transform, train), targets)
    return lambda test: np.asarray(model.predict(features.transform(test)))


def nb_svm(train: Rows, targets: np.ndarray) -> Callable[[Rows], np.ndarray]:
    """NB-SVM (Wang and Manning 2012): whether a word or pair is there, times its log-count ratio; one against the rest.

    The weights are drawn towards their mean size by a quarter of the way that the authors advise (beta = .25).
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.svm import LinearSVC

    counter = CountVectorizer(analyzer=cast(Any, grams), binary=True)
    x = _filled(counter.fit_transform, train)  # (N, F)
    classes = np.unique(targets)
    weights, biases = [], []
    for label in classes if len(classes) > 2 else classes[1:]:
        positive = targets == label
        p, q = (1 + np.asarray(x[part].sum(0)).ravel() for part in (positive, ~positive))
        ratio = np.log(p / p.sum()) - np.log(q / q.sum())  # (F,)
        svm = LinearSVC(C=1.0, max_iter=5000, random_state=0).fit(x.multiply(ratio).tocsr(), positive)
        weight = svm.coef_[0]
        weights.append(ratio * (0.75 * np.abs(weight).mean() + 0.25 * weight))
        biases.append(np.ravel(svm.intercept_)[0])
    matrix, bias = np.stack(weights, 1), np.array(biases)  # (F, C)

    def answer(test: Rows) -> np.ndarray:
        scores = counter.transform(test) @ matrix + bias
        return classes[(scores[:, 0] > 0).astype(int)] if len(classes) == 2 else classes[scores.argmax(1)]

    return answer


def _filled(fit: Callable[[Rows], Any], train: Rows) -> Any:
    try:
        return fit(train)
    except ValueError as error:  # what it raises for texts without tokens
        raise UserError(f"the linear baselines find no words in the training texts ({error})") from None

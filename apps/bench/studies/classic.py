"""classic: k-nearest neighbours, SVM, logistic regression and random forest beside the CNN."""

from functools import partial
from typing import Any

import numpy as np

from apps.bench.studies.domains import Domain
from apps.bench.studies.options import StudyOptions, run_named
from apps.bench.studies.study import Group, Study, Variant, app_named, part, patient
from cnn_core.app import App
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

LIMIT = {"quick": 3_000, "full": 10_000}  # training samples of all rows: an SVM's time grows with their square


parse = parser(StudyOptions, "Nearest neighbours, SVM, logistic regression and random forest beside the CNN.")


def run(app: App | None, options: StudyOptions) -> Outcome:
    """Run the study."""
    return run_named("classic", study, options)


def study(domains: list[Domain], mode: str) -> Study:
    """One group a domain; every row learns from the same training samples."""
    groups = []
    for domain in domains:
        config = domain.net("none" if domain.app == "go" else "max", domain.width)
        data = app_named(domain.app).load(config)
        share = min(1.0, LIMIT[mode] / len(data.train))
        config, change = patient(config, share), partial(part, share=share)
        rivals = [
            Variant(name, domain.app, config, change=change, fitted=partial(_fitted, domain, config, name))
            for name in ("k-nearest neighbours", "logistic regression", "SVM (RBF)", "random forest")
        ]
        groups.append(Group(domain.app, (Variant("CNN", domain.app, config, change=change), *rivals)))
    return Study(
        "classic", "What do models without convolutions reach on the same inputs?", tuple(groups), says, cut=False
    )


def _model(name: str, seed: int, *, counts: bool) -> Any:
    try:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC
    except ImportError as error:
        raise UserError("scikit-learn is not installed: pip install 'cnn-suite[bench]'") from error
    scaled = TfidfTransformer(sublinear_tf=True) if counts else StandardScaler()
    match name:
        case "k-nearest neighbours":
            model = KNeighborsClassifier(3)
        case "logistic regression":
            c = 10 if counts else 0.01
            return make_pipeline(scaled, LogisticRegression(C=c, max_iter=1000, random_state=seed))
        case "SVM (RBF)":
            model = SVC(C=10, gamma="scale", random_state=seed)
        case _:
            model = RandomForestClassifier(300, random_state=seed)
    return make_pipeline(scaled, model) if counts else model


def _fitted(domain: Domain, config: Any, name: str, data: Any, seed: int) -> dict[str, Any]:
    from cnn_core import benchmark, visual

    def features(split: Any) -> np.ndarray:
        parts = [split.take(slice(first, first + 500))[0] for first in range(0, len(split), 500)]
        return np.concatenate([visual.front_of(front, each).flatten(1).numpy() for each in parts])

    if domain.counts:
        words = 1 + max(int(split.tokens.max()) for split in (data.train, data.test))
        train, test = domain.counts(data.train, words), domain.counts(data.test, words)
    else:
        front = app_named(domain.app).with_fitted(data.fitted).build(config, data.labels)
        train, test = features(data.train), features(data.test)
    timer = benchmark.Timer()
    timer.start()
    model = _model(name, seed, counts=domain.counts is not None).fit(train, data.train.targets.numpy())
    timer.stop()
    right = model.predict(test) == data.test.targets.numpy()
    return {
        "accuracy": float(right.mean()),
        "parameters": None,
        "multiply_adds": None,
        "cpu_seconds": timer.cpu,
        "train_accuracy": None,
        "train_samples": train.shape[0],
        "test_samples": test.shape[0],
    }


def says(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The best rival against the CNN."""
    lines = []
    for group, entries in rows.items():
        best = max(entries[1:], key=lambda row: row["accuracy"])
        lines.append(
            f"{group}: with {entries[0]['train_samples']:,} training samples the CNN reaches "
            f"{entries[0]['accuracy']:.2%}, the best other model ({best['variant']}) {best['accuracy']:.2%}."
        )
    return lines

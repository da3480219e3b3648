"""embeddings: where word vectors come from; random, trained on the corpus, given, or several of these."""

from dataclasses import replace
from typing import Any

from apps.bench.studies.domains import Domain
from apps.bench.studies.options import StudyOptions, run_named
from apps.bench.studies.study import Group, Study, Variant
from apps.bench.studies.tables import best_of
from apps.text.config import PRESETS
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

WAYS: dict[str, dict[str, Any]] = {
    "random, learned": {"mode": "rand", "source": "", "width": 50, "unseen": 0},
    "word2vec of the corpus, fixed": {"mode": "static", "source": "word2vec", "width": 50, "unseen": 0},
    "word2vec of the corpus, learned on": {"mode": "nonstatic", "source": "word2vec", "width": 50, "unseen": 0},
    "GloVe, fixed": {"mode": "static"},
    "GloVe, learned on": {"mode": "nonstatic"},
    "GloVe, both (multichannel)": {"mode": "multichannel"},
}


parse = parser(StudyOptions, "Where word vectors come from: random, trained on the corpus, given, or several of these.")


def run(app: App | None, options: StudyOptions) -> Outcome:
    """Run the study."""
    return run_named("embeddings", study, options, apps=("text",))


def study(domains: list[Domain], mode: str) -> Study:
    """One group; every row has the same windows and the same training."""
    (domain,) = domains
    base = PRESETS["nonstatic"]
    given = replace(base.vectors, free=0, dropout=0.0)
    data = domain.net("max", domain.width).data
    variants = [
        Variant(name, "text", replace(base, data=data, vectors=replace(given, **change)))
        for name, change in WAYS.items()
    ]
    question = "Where should word vectors come from?"
    return Study("embeddings", question, (Group("text: word vectors", tuple(variants)),), best_of)

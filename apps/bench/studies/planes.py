"""planes: what a Go network should be shown; stones alone, history, ladders, AlphaGo's 48 planes."""

from dataclasses import replace
from functools import partial

from apps.bench.studies.domains import Domain
from apps.bench.studies.options import StudyOptions, run_named
from apps.bench.studies.study import Group, Study, Variant, part
from apps.bench.studies.tables import best_of
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

FEATURES = ("stones", "history", "gonn", "tactics", "alphago")


parse = parser(StudyOptions, "What a Go network should be shown; stones alone, history, ladders, AlphaGo's 48 planes.")


def run(app: App | None, options: StudyOptions) -> Outcome:
    """Run the study."""
    return run_named("planes", study, options, apps=("go",))


def study(domains: list[Domain], mode: str) -> Study:
    """One group; the reference sees stones alone."""
    (domain,) = domains
    change = partial(part, share=domain.share) if mode == "quick" else None
    config = domain.net("none", domain.width)
    variants = [Variant(name, "go", replace(config, features=name), change=change) for name in FEATURES]
    question = "Which planes does a Go network need?"
    return Study("planes", question, (Group("go: planes", tuple(variants)),), best_of)

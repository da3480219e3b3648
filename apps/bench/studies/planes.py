"""planes: what a Go network should be shown; stones alone, history, ladders, AlphaGo's 48 planes."""

from dataclasses import replace
from functools import partial

from apps.bench.studies.domains import Domain
from apps.bench.studies.options import study_main
from apps.bench.studies.study import Group, Study, Variant, best_of, part

FEATURES = ("stones", "history", "gonn", "tactics", "alphago")


def main(args: list[str]) -> int:
    """Run the study."""
    return study_main("planes", study, args, apps=("go",))


def study(domains: list[Domain], mode: str) -> Study:
    """One group; the reference sees stones alone."""
    (domain,) = domains
    change = partial(part, share=domain.share) if mode == "quick" else None
    config = domain.net("none", domain.width)
    variants = [Variant(name, "go", replace(config, features=name), change=change) for name in FEATURES]
    question = "Which planes does a Go network need?"
    return Study("planes", question, (Group("go: planes", tuple(variants)),), best_of)

"""pooling: none, maximum, mean in every domain, at equal parameters and at equal compute.

The lecture's claim: subsampling does not change a digit, so pooling suits pictures; it does change a Go board.
"""

from functools import lru_cache, partial
from typing import Any

from apps.bench.studies.domains import Domain
from apps.bench.studies.options import StudyOptions, run_named
from apps.bench.studies.study import Group, Study, Variant, app_named, at_equal, cost, part
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser
from cnn_core.verbs.summary import example_of

POOLS = ("max", "avg")
WHY = {
    "digits": "two poolings let the last of three 3x3 layers see 18 pixels instead of 7, a stroke instead of a piece of"
    " it, and a stroke that lies one pixel further means the same",
    "go": "a stone that lies one point further is another position; behind pooling the four points of a group share all"
    " that later layers find, and only the first layer tells them apart",
    "speech": "a word said a little later or higher is the same word, and pooled layers see more of it",
    "text": "a phrase means the same wherever it stands, so little is lost; in sentences this short, weights of its"
    " own for each place do no harm either",
}


parse = parser(StudyOptions, "None, maximum, mean in every domain, at equal parameters and at equal compute.")


def run(app: App | None, options: StudyOptions) -> Outcome:
    """Run the study."""
    return run_named("pooling", study, options)


def study(domains: list[Domain], mode: str) -> Study:
    """Two groups a domain."""
    groups: list[Group] = []
    for domain in domains:
        change = partial(part, share=domain.share) if mode == "quick" and domain.share < 1 else None

        def variant(pool: str, width: int, domain: Domain = domain, change: Any = change) -> Variant:
            name = f"{pool} pooling" if pool != "none" else "no pooling"
            return Variant(f"{name}, width {width}", domain.app, domain.net(pool, width), change=change)

        pooled = [variant(pool, domain.width) for pool in POOLS]
        groups.append(Group(f"{domain.app}: equal parameters", (variant("none", domain.width), *pooled)))
        target = _compute(domain, "none", domain.width)
        wider = [
            variant(pool, at_equal(target, partial(_compute, domain, pool), domain.width // 2, domain.width * 8))
            for pool in POOLS
        ]
        groups.append(Group(f"{domain.app}: equal compute", (variant("none", domain.width), *wider)))
    return Study("pooling", "Does pooling help or harm, and where?", tuple(groups), says)


@lru_cache
def _compute(domain: Domain, pool: str, width: int) -> int:
    """Multiply-adds for one input."""
    app, config = app_named(domain.app), domain.net(pool, width)
    app, labels, inputs = example_of(app, config)
    return cost(app.build(config, labels), inputs[:1])[1]


def says(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """For each domain, what pooling does."""
    lines = []
    for group, entries in rows.items():
        best = max(entries[1:], key=lambda row: row["accuracy"])
        gain, p = 100 * best["difference"], best["p"]
        sure = p is not None and p < 0.05
        verdict = ("pooling helps" if gain > 0 else "pooling harms") if sure else "no difference beyond chance"
        if p is None:
            verdict = "too few seeds for a verdict"
        chance = "" if p is None else f", p = {p:.2g}"
        lines.append(f"{group}: {verdict} ({best['variant']} {gain:+.2f} points against none{chance}).")
    domains = dict.fromkeys(group.partition(":")[0] for group in rows)
    return lines + [f"What pooling does to {name}: {WHY[name]}." for name in domains]

"""size: accuracy against parameters, multiply-adds and CPU-seconds; and against the amount of data."""

from functools import partial
from typing import Any

from apps.bench.studies.domains import Domain
from apps.bench.studies.options import StudyOptions, run_named
from apps.bench.studies.study import Group, Study, Variant, part, patient
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

SHARES = (1.0, 0.3, 0.1, 0.03, 0.01)
WIDTHS = (1.0, 0.25, 0.5, 2.0)


parse = parser(StudyOptions, "Accuracy against the size of the network, and against the amount of data.")


def run(app: App | None, options: StudyOptions) -> Outcome:
    """Run the study."""
    return run_named("size", study, options)


def study(domains: list[Domain], mode: str) -> Study:
    """Two groups a domain."""
    groups = []
    for domain in domains:
        pool = "none" if domain.app == "go" else "max"
        whole = domain.share if mode == "quick" else 1.0
        widths = [max(2, round(domain.width * times)) for times in WIDTHS]
        change = partial(part, share=whole) if whole < 1 else None
        sizes = [Variant(f"width {w}", domain.app, domain.net(pool, w), change=change) for w in widths]
        groups.append(Group(f"{domain.app}: width", tuple(sizes)))
        config = domain.net(pool, domain.width)
        shares = [
            Variant(f"{s:.0%} of the data", domain.app, patient(config, s), change=partial(part, share=s * whole))
            for s in SHARES
        ]
        groups.append(Group(f"{domain.app}: data", tuple(shares)))
    return Study("size", "How much network, and how many examples, does it take?", tuple(groups), says)


def says(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What a quarter of the width, and a tenth of the data, cost."""
    lines = []
    for group, entries in rows.items():
        other = entries[1] if group.endswith("width") else entries[2]
        lines.append(
            f"{group}: {other['variant']} gives {other['accuracy']:.2%} against {entries[0]['accuracy']:.2%} of "
            f"{entries[0]['variant']}, in {other['cpu_seconds']:.1f} instead of {entries[0]['cpu_seconds']:.1f} CPU-s."
        )
    return lines

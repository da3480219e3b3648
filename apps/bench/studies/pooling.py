"""pooling: what it brings in every domain, apart from the wider view that it gives to later layers.

The lecture's claim: subsampling does not change a digit, so pooling suits pictures; it does change a Go board. Three
questions: pooling against other ways to the same receptive field, at equal parameters and at equal compute; what is
lost where inputs are subsampled; and whether answers hold still where inputs are moved.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from apps.bench.studies.changed import dilated, strided, subsampled
from apps.bench.studies.domains import Domain
from apps.bench.studies.options import StudyOptions, run_named
from apps.bench.studies.study import Group, Study, Variant, app_named, at_equal, cost, part
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser
from cnn_core.verbs.measures.summary import example_of

Build = Callable[..., Any]


@dataclass(frozen=True)
class Arm:
    """One way to let later layers see more, or none: a pooling, or a change of a network without one."""

    name: str
    pool: str = "none"
    build: Callable[[App], Build] | None = None
    net: Callable[[Any], Any] | None = None
    """Changes the network's configuration."""


def _with(**settings: Any) -> Callable[[Any], Any]:
    return lambda net: replace(net, **settings)


POOLED = (Arm("max pooling", "max"), Arm("mean pooling", "avg"), Arm("blurred maxima", "blur"))
PICTURES = (
    Arm("no pooling, dilations 1, 2, 5", net=_with(dilations=(1, 2, 5))),
    Arm("no pooling", net=_with()),
    Arm("no pooling, filters 5, 7, 7", net=_with(kernels=(5, 7, 7))),
    Arm("strides 2, 2, 1", net=_with(strides=(2, 2, 1))),
    *POOLED,
)
ARMS = {
    "digits": PICTURES,
    "photos": PICTURES,
    "go": (
        Arm("no pooling"),
        Arm("no pooling, dilations 1, 2, 2, 4", build=partial(dilated, dilations=(1, 2, 2, 4))),
        *POOLED,
    ),
    "speech": (
        Arm("no pooling, dilations 1, 2, 4, 8, 4, 2", build=partial(dilated, dilations=(1, 2, 4, 8, 4, 2))),
        Arm("no pooling"),
        Arm("strides 3, 4", build=partial(strided, layer="conv1.conv", steps=(3, 4))),
        *POOLED,
    ),
    "text": (Arm("no pooling"), Arm("max pooling", "max"), Arm("mean pooling", "avg")),
}
"""The first is what the others are compared with: a network without pooling that sees about as far as with it. On a Go
board of 9x9 the plain network does (13 points); in a text windows are compared over the whole of it in any case."""
IN_PICTURES = (
    "the last layer sees 17 pixels with dilations or larger filters, 15 with strides, 18 with pooling, 24 blurred, 7"
    " with neither"
)
FIELDS = {
    "digits": IN_PICTURES,
    "photos": IN_PICTURES,
    "go": "13 points without pooling, 23 with dilations, 22 with pooling, on a board of 9",
    "speech": "45 bands and frames with dilations, the whole of 40 bands and 54 frames with pooling or strides, 15 with"
    " neither",
    "text": "windows of 3 to 5 words in any case",
}
STEPS = (1, 2, 3)
MOVED = ("digits", "photos", "speech")
"""A Go position that is moved is another one; a text's windows over time give one answer wherever they stand."""


parse = parser(StudyOptions, "What pooling brings, at equal receptive field, and what subsampling takes away.")


def run(app: App | None, options: StudyOptions) -> Outcome:
    """Run the study."""
    return run_named("pooling", study, options)


def study(domains: list[Domain], mode: str) -> Study:
    """Three groups a domain."""
    groups: list[Group] = []
    for domain in domains:
        change = partial(part, share=domain.share) if mode == "quick" and domain.share < 1 else None
        arms = ARMS[domain.app]
        base = _cost(domain, arms[0], domain.width)
        for number, what in enumerate(("parameters", "compute")):
            widths = [_width(domain, arm, number, base) for arm in arms]
            rows = [_variant(domain, arm, width, change) for arm, width in zip(arms, widths, strict=True)]
            groups.append(Group(f"{domain.app}: equal {what}", tuple(rows)))
        groups.append(Group(f"{domain.app}: input subsampled", tuple(_subsampled(domain, mode))))
    return Study("pooling", "What does pooling bring, and what does subsampling take away?", tuple(groups), says)


def _variant(domain: Domain, arm: Arm, width: int, change: Any) -> Variant:
    app = app_named(domain.app)
    build = arm.build(app) if arm.build else None
    name = f"{arm.name}, width {width}"
    return Variant(name, domain.app, _config(domain, arm, width), build, change, moved=domain.app in MOVED)


def _subsampled(domain: Domain, mode: str) -> list[Variant]:
    """The domain's usual network on every, every second, every third place of its inputs."""
    config = domain.net("none" if domain.app == "go" else "max", domain.width)
    app = app_named(domain.app)
    rows = []
    for step in STEPS:
        build, change = subsampled(app, step)
        if mode == "quick" and domain.share < 1:
            change = partial(_both, change, partial(part, share=domain.share))
        name = "every place" if step == 1 else f"one of {step} places along each axis"
        rows.append(Variant(name, domain.app, config, build, change))
    return rows


def _both(first: Any, second: Any, data: Any) -> Any:
    return second(first(data) if first else data)


def _config(domain: Domain, arm: Arm, width: int) -> Any:
    config = domain.net(arm.pool, width)
    return replace(config, net=arm.net(config.net)) if arm.net else config


def _width(domain: Domain, arm: Arm, number: int, base: tuple[int, int]) -> int:
    """The width at which parameters (0) or multiply-adds (1) are nearest to those of the reference."""
    return at_equal(base[number], lambda width: _cost(domain, arm, width)[number], 2, domain.width * 8)


@lru_cache
def _cost(domain: Domain, arm: Arm, width: int) -> tuple[int, int]:
    """(parameters, multiply-adds for one input)."""
    app, config = app_named(domain.app), _config(domain, arm, width)
    app, labels, inputs = example_of(app, config)
    build = arm.build(app) if arm.build else app.build
    return cost(build(config, labels), inputs[:1])


def says(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """For each table what it shows, and for each domain how far its networks see."""
    lines = []
    for group, entries in rows.items():
        lines.append(f"{group}: {_lost(entries) if group.endswith('subsampled') else _verdict(entries)}.")
    domains = dict.fromkeys(group.partition(":")[0] for group in rows)
    return lines + [f"How far the networks for {name} see: {FIELDS[name]}." for name in domains]


def _verdict(entries: list[dict[str, Any]]) -> str:
    """The best pooling against the reference, at what cost; and the network that sees less, where there is one."""
    pooled = [row for row in entries if any(row["variant"].startswith(arm.name) for arm in POOLED)]
    best = max(pooled, key=lambda row: row["accuracy"])
    told = _sure(best, "is better than", "is worse than", "shows no difference from")
    text = f"{best['variant']} {told} {entries[0]['variant']} ({_points(best)})"
    text += f", for {_ratio(best, entries[0], 'multiply_adds')} of its multiply-adds"
    near = next((row for row in entries[1:] if row["variant"].startswith("no pooling, width")), None)
    if near:
        text += f"; {near['variant']}, which sees less, stands at {_points(near)}"
    return text


def _lost(entries: list[dict[str, Any]]) -> str:
    parts = [
        f"{row['variant']} {_sure(row, 'gains', 'loses', 'shows no loss')} ({_points(row)})" for row in entries[1:]
    ]
    return ", ".join(parts)


def _sure(row: dict[str, Any], more: str, less: str, nothing: str) -> str:
    if row["p"] is None or row["p"] >= 0.05:
        return nothing
    return more if row["difference"] > 0 else less


def _points(row: dict[str, Any]) -> str:
    chance = "too few seeds for a test" if row["p"] is None else f"p = {row['p']:.2g}"
    return f"{100 * row['difference']:+.2f} points, {chance}"


def _ratio(row: dict[str, Any], other: dict[str, Any], name: str) -> str:
    return f"{row[name] / max(other[name], 1e-9):.2f}"

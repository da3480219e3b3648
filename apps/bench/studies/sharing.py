"""sharing: a CNN against fully connected networks, on the places as they are and on shuffled ones.

A CNN's advantage comes from patterns that are small and recur; shuffled places have none, so it must vanish.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from apps.bench.studies.domains import Domain
from apps.bench.studies.options import StudyOptions, run_named
from apps.bench.studies.study import Group, Study, Variant, app_named, at_equal, part
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

TIMES = (1, 4, 16)  # parameters of the fully connected networks, in those of the CNN: does any reach its accuracy?
SHUFFLED = 4  # which of them stands beside the CNN on shuffled places

STAYS = {  # why, where it does
    "bands shuffled": "filters still move along time, and a sound is the same set of bands whenever it is heard",
    "words shuffled": "a word counts the same wherever it stands, and the order of the words says little more",
}


parse = parser(StudyOptions, "A CNN against fully connected networks, on the places as they are and on shuffled ones.")


def run(app: App | None, options: StudyOptions) -> Outcome:
    """Run the study."""
    return run_named("sharing", study, options)


def study(domains: list[Domain], mode: str) -> Study:
    """One group a domain."""
    from apps.bench.studies.rivals import features_shape, fully_connected, normalised, shuffled
    from cnn_core.nn.summary import count_parameters

    groups = []
    for domain in domains:
        app, config = app_named(domain.app), domain.net("max" if domain.app != "go" else "none", domain.width)
        data = app.load(config)
        build = app.with_fitted(data.fitted).build
        classes = len(data.labels)
        shape = features_shape(build, config, data.labels, data.test.take(slice(0, 1))[0])
        shape = (*shape[:-1], domain.length) if domain.length else shape
        network = build(config, data.labels)
        # What the front end learns (word vectors) is the same on both sides and does not count.
        norm = normalised(network)
        parameters = count_parameters(network) - count_parameters(network.get_submodule("front"))
        change = partial(part, share=domain.share) if mode == "quick" and domain.share < 1 else None

        of = partial(_parameters, shape, classes, norm)
        units = {times: at_equal(times * parameters, of, 1, 4096) for times in TIMES}
        full = {t: fully_connected(build, shape, (n,), domain.length, norm=norm) for t, n in units.items()}
        rows = [("CNN", build)]
        rows += [(f"fully connected, {times} x parameters", each) for times, each in full.items()]
        variants = [Variant(name, domain.app, config, build=each, change=change) for name, each in rows]
        for what, axes in domain.shuffles:
            mixed = [("CNN", build), (f"fully connected, {SHUFFLED} x", full[SHUFFLED])]
            moved = partial(_both, domain.shuffle, change) if domain.shuffle else change
            if not domain.shuffle:
                mixed = [(name, shuffled(each, shape, axes)) for name, each in mixed]
            variants += [
                Variant(f"{name}, {what} shuffled", domain.app, config, build=each, change=moved)
                for name, each in mixed
            ]
        groups.append(Group(domain.app, tuple(variants)))
    return Study("sharing", "What do shared, local weights bring?", tuple(groups), says)


def _parameters(shape: tuple[int, ...], classes: int, norm: bool, units: int) -> int:
    from apps.bench.studies.rivals import dense_parameters

    return dense_parameters(shape, (units,), classes, norm=norm)


def _both(shuffle: Any, change: Any, data: Any) -> Any:
    return shuffle(change(data) if change else data)


def says(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The advantage before and after shuffling, and the size at which the fully connected network catches up."""
    lines = []
    for group, entries in rows.items():
        cnn, *dense = (row["accuracy"] for row in entries[: 1 + len(TIMES)])
        before = 100 * (cnn - dense[TIMES.index(SHUFFLED)])
        reached = [times for times, accuracy in zip(TIMES, dense, strict=True) if accuracy >= cnn]
        size = (
            f"A fully connected network reaches its accuracy with {min(reached)} times the parameters"
            if reached
            else f"No fully connected network of up to {TIMES[-1]} times the parameters reaches its accuracy"
        )
        lines.append(
            f"{group}: against a fully connected network of {SHUFFLED} times its parameters the CNN has {before:+.2f} "
            f"points{''.join(_shuffled(before, entries[1 + len(TIMES) :]))}. {size}."
        )
    return lines


def _shuffled(before: float, entries: list[dict[str, Any]]) -> Iterator[str]:
    """What becomes of the advantage with each shuffling; rows in pairs: CNN, fully connected."""
    for mixed, dense in zip(entries[::2], entries[1::2], strict=True):
        what = mixed["variant"].removeprefix("CNN, ")
        after = 100 * (mixed["accuracy"] - dense["accuracy"])
        yield f", with {what} {after:+.2f}"
        if before > 0:
            remaining = after / before
            yield ": it " + ("vanishes" if remaining <= 0.25 else "stays in part" if remaining < 0.75 else "stays")
            if remaining > 0.25 and what in STAYS:
                yield f" ({STAYS[what]})"

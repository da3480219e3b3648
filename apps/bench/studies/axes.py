"""axes: along which axis filters move; speech along frequency, time or both, text along time or in the plane.

The lecture: in a spectrogram filters move along frequency, in a sentence along time, for the other axis means nothing
there.
"""

from dataclasses import replace
from functools import partial

from apps.bench.studies.domains import Domain
from apps.bench.studies.options import StudyOptions, run_named
from apps.bench.studies.study import Group, Study, Variant, app_named, part
from apps.bench.studies.tables import best_of
from cnn_core.app import App
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import parser

PRESETS = ("time", "frequency", "one-fpool3", "plane", "broadcast")


parse = parser(
    StudyOptions, "Along which axis filters move: frequency, time or both in speech, time or the plane in texts."
)


def run(app: App | None, options: StudyOptions) -> Outcome:
    """Run the study."""
    return run_named("axes", study, options, apps=("speech", "text"))


def study(domains: list[Domain], mode: str) -> Study:
    """A group for each of speech and text."""
    groups = [_text(domain) if domain.app == "text" else _speech(domain, mode) for domain in domains]
    return Study("axes", "Along which axis should filters move?", tuple(groups), best_of)


def _speech(domain: Domain, mode: str) -> Group:
    presets = app_named("speech").presets
    base = domain.net("max", domain.width)
    change = partial(part, share=domain.share) if mode == "quick" else None
    variants = [Variant(n, "speech", replace(base, net=presets[n].net), change=change) for n in PRESETS]
    return Group("speech: axis of the filters", tuple(variants))


def _text(domain: Domain) -> Group:
    from apps.bench.studies.rivals import in_the_plane

    config = domain.net("max", domain.width)
    plane = in_the_plane(app_named("text").build, domain.width)
    variants = (
        Variant("along time, over the whole vector", "text", config),
        Variant("in the plane, 3 numbers by 3 words", "text", config, build=plane),
    )
    return Group("text: axis of the filters", variants)

"""The main jobs by name; each is made ready by a function that is imported when it is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from apps.bench.roofline.ready import Ready


@dataclass(frozen=True)
class Job:
    """`ready()` gives a Ready. It raises UserError where weights or packages are not available."""

    sample: str
    """What one sample is."""
    ready: Callable[[], Ready]


def _training(domain: str, preset: str) -> Ready:
    from apps.bench.roofline import training

    ready: Callable[[str], Ready] = getattr(training, domain)
    return ready(preset)


def _answer(what: str, *args: str) -> Ready:
    from apps.bench.roofline import answers

    jobs: dict[str, Callable[..., Ready]] = {
        "digits": answers.digits,
        "digits_onnx": answers.digits_onnx,
        "genmove": answers.genmove,
        "listen": answers.listen,
    }
    return jobs[what](*args)


def _picture(what: str) -> Ready:
    from apps.bench.roofline import pictures

    jobs: dict[str, Callable[[], Ready]] = {
        "optima": pictures.optima,
        "features": pictures.features,
        "explain": pictures.explain,
        "filters": pictures.filters,
        "dream": pictures.dream,
        "style": pictures.style,
    }
    return jobs[what]()


JOBS = {
    "digits-train-fast": Job("picture", partial(_training, "digits", "fast")),
    "digits-train-lecture": Job("picture", partial(_training, "digits", "lecture")),
    "digits-train-accurate": Job("picture", partial(_training, "digits", "accurate")),
    "go-train-small": Job("position 9x9", partial(_training, "go", "small")),
    "go-train-expert": Job("position 19x19", partial(_training, "go", "expert")),
    "speech-train-time": Job("clip of 1 s", partial(_training, "speech", "time")),
    "speech-train-broadcast": Job("clip of 1 s", partial(_training, "speech", "broadcast")),
    "text-train-rand": Job("text", partial(_training, "text", "rand")),
    "text-train-nonstatic": Job("text", partial(_training, "text", "nonstatic")),
    "text-train-contextual": Job("text", partial(_training, "text", "contextual")),
    "photos-train-scratch": Job("picture 32x32", partial(_training, "photos", "scratch")),
    "photos-features": Job("photograph", partial(_picture, "features")),
    "digits-predict-one": Job("picture", partial(_answer, "digits", "one")),
    "digits-predict-batch": Job("picture", partial(_answer, "digits", "batch")),
    "digits-onnx-one": Job("picture", partial(_answer, "digits_onnx", "one")),
    "digits-onnx-batch": Job("picture", partial(_answer, "digits_onnx", "batch")),
    "go-genmove": Job("move 9x9", partial(_answer, "genmove")),
    "speech-listen": Job("second of sound", partial(_answer, "listen")),
    "digits-optima": Job("optimum", partial(_picture, "optima")),
    "dream-explain": Job("photograph", partial(_picture, "explain")),
    "dream-filters": Job("step", partial(_picture, "filters")),
    "dream-dream": Job("picture", partial(_picture, "dream")),
    "dream-style": Job("picture", partial(_picture, "style")),
}

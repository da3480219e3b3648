"""Sides and tasks: what is compared, by which function of this folder, and what that imports."""

from __future__ import annotations

from dataclasses import dataclass

HERE = "here"


@dataclass(frozen=True)
class Setting:
    """How a side does its work."""

    quick: bool = False
    """On a part of the data: shows that it works, not who is faster."""
    seed: int = 1
    goal: float | None = None
    """The quality at which to stop, where another side's is to be reached."""


@dataclass(frozen=True)
class Found:
    """What a side did."""

    cpu: float
    """CPU-seconds of the work; reading data and judging are not counted."""
    quality: float
    """What was reached, in the unit of the task."""


@dataclass(frozen=True)
class Side:
    """One way to do a task."""

    name: str
    """As the table shows it."""
    function: str
    """module:function in this folder, from a Setting to a Found."""
    imports: tuple[str, ...]
    """What its program imports; timed, and looked for before it is started."""
    pip: str = ""
    """What pip would install; empty for what the suite depends on."""


@dataclass(frozen=True)
class Task:
    """A piece of work that several sides can do."""

    about: str
    quality: str
    """What is reached, with its unit."""
    sides: tuple[Side, ...]
    """Ours, whose key is `here`, is the first."""
    follows: str = ""
    """"here": the peers stop at our quality; "peers": we stop at the best of theirs; empty: each ends by itself."""
    higher: bool = True
    """Whether more quality is better."""


def _here(task: str, *imports: str) -> Side:
    return Side("cnn_core", f"{task}:{HERE}", ("torch", *imports))


_DIGITS = ("cnn_core.training.engine", "apps.digits.app")
_VISUAL = ("cnn_core.visual",)

TASKS: dict[str, Task] = {
    "digits": Task(
        "60,000 digits learned to 99 % of the test digits",
        "test accuracy, %",
        (
            _here("digits", *_DIGITS),
            Side("PyTorch's MNIST example", "digits:example", ("torch", "torch.utils.data")),
            Side("train_mnist_fast's network", "digits:mnist_fast", ("torch",)),
            Side("Keras' MNIST example", "digits:keras_example", ("keras",), "keras"),
            Side("scikit-learn, SVC, as far as it gets", "digits:support_vectors", ("sklearn.svm",), "scikit-learn"),
        ),
    ),
    "texts": Task(
        "sentences of film reviews told apart, trained from the texts alone",
        "test accuracy, %",
        (
            _here("texts", "cnn_core.training.engine", "apps.text.app"),
            Side("fastText", "texts:fast_text", ("fasttext",), "fasttext"),
            Side("scikit-learn, tf-idf", "texts:linear", ("sklearn.linear_model",), "scikit-learn"),
        ),
    ),
    "encoder": Task(
        "a thousand sentences read by an encoder of six layers, the mean vector of each",
        "mean cosine of neighbours",
        (
            _here("encoder", "apps.text.app"),
            Side("sentence-transformers", "encoder:transformers", ("sentence_transformers",), "sentence-transformers"),
        ),
    ),
    "integrated-gradients": Task(
        "integrated gradients of digits, 64 steps",
        "mean gap of completeness",
        (_here("attribution", *_VISUAL), Side("captum", "attribution:captum_integrated", ("captum.attr",), "captum")),
        higher=False,
    ),
    "occlusion": Task(
        "digits under a window of 4x4 that moves by 2",
        "mean size of the values",
        (
            Side("cnn_core", "attribution:occluded", ("torch", *_VISUAL)),
            Side("captum", "attribution:captum_occluded", ("captum.attr",), "captum"),
        ),
    ),
    "grad-cam": Task(
        "Grad-CAM of digits at the last convolution",
        "mean share of the highest value",
        (
            Side("cnn_core", "attribution:cam", ("torch", *_VISUAL)),
            Side("pytorch-grad-cam", "attribution:peers_cam", ("pytorch_grad_cam",), "grad-cam"),
        ),
    ),
    "optimum": Task(
        "a picture that excites one filter of conv3_2 in a network of VGG-19's shape as much as lucent's does after 128"
        " steps, which is smooth by its make and climbs slowly",
        "activation",
        (_here("optimum", *_VISUAL), Side("lucent", "optimum:lucent_way", ("lucent",), "torch-lucent")),
        follows="peers",
    ),
    "style": Task(
        "a photograph in the style of another, to our loss",
        "loss",
        (
            _here("style", *_VISUAL, "apps.dream.model"),
            Side("neural-style-pt's loop", "style:plain_loop", ("torch",)),
        ),
        follows="here",
        higher=False,
    ),
    "speech": Task(
        "clips heard once in training, augmented",
        "clips/CPU-s",
        (
            _here("speech", "cnn_core.training.engine", "apps.speech.app"),
            Side("DataLoader, torchaudio", "speech:loader", ("torch", "torchaudio")),
        ),
    ),
    "go": Task(
        "Go games replayed, every position as stones",
        "positions/CPU-s",
        (
            _here("go", "apps.go.records.collection"),
            Side("sgfmill", "go:sgfmill_board", ("sgfmill.boards",), "sgfmill"),
        ),
    ),
}

"""The command cnn-bench, also `python -m apps.bench NAME [options]`."""

import sys
from importlib import import_module

from cnn_core import version
from cnn_core.console import visible
from cnn_core.errors import UserError

BENCHES = {
    "pooling": ("none, max, avg in every domain, at equal parameters and compute", "apps.bench.studies.pooling"),
    "sharing": ("a CNN against fully connected networks, places shuffled or not", "apps.bench.studies.sharing"),
    "size": ("accuracy against size of the network and amount of data", "apps.bench.studies.size"),
    "classic": ("nearest neighbours, SVM, logistic regression, random forest", "apps.bench.studies.classic"),
    "axes": ("speech along frequency, time or both; text along time or in the plane", "apps.bench.studies.axes"),
    "planes": ("what a Go network is shown", "apps.bench.studies.planes"),
    "embeddings": ("where word vectors come from", "apps.bench.studies.embeddings"),
    "speed": ("every speed figure, each against its named baseline", "apps.bench.figures.speed"),
    "lens": ("one page: what the networks of all four domains see", "apps.bench.lens"),
    "report": ("docs/benchmarks.md from the results of the studies", "apps.bench.report"),
    "speech-accuracy": (
        "words by voices never heard: synthetic, few real, one left out",
        "apps.bench.figures.speech_accuracy",
    ),
    "speech-speed": (
        "clips per CPU-second in training, beside a per-file DataLoader",
        "apps.bench.figures.speech_speed",
    ),
    "digits-speed": ("CPU-seconds to train and to reach 99 %, inference speed", "apps.bench.figures.digits_speed"),
    "digits-accuracy": ("test accuracy of a preset over seeds", "apps.bench.figures.digits_accuracy"),
    "go-accuracy": ("Go: planes, pooling, symmetries, over seeds", "apps.bench.figures.go_accuracy"),
    "go-speed": ("Go positions per CPU-second, beside sgfmill's board", "apps.bench.figures.go_speed"),
    "text-speed": (
        "texts per CPU-second in training and prediction, against a plain loop",
        "apps.bench.figures.text_speed",
    ),
    "text-accuracy": ("test accuracy of text presets, beside linear models", "apps.bench.figures.text_accuracy"),
    "dream-speed": ("styles, dreams and optima on the real VGG-19", "apps.bench.figures.dream_speed"),
    "winograd-speed": (
        "3x3 and 5x5 convolutions in training, against direct ones",
        "apps.bench.figures.winograd_speed",
    ),
    "visual-speed": ("x* of all filters in one batch against one at a time", "apps.bench.figures.visual_speed"),
}


def main(args: list[str] | None = None) -> int:
    """Run one benchmark; the exit status."""
    args = sys.argv[1:] if args is None else args
    if not args or args[0] in ("-h", "--help"):
        print("usage: cnn-bench NAME [--help]\n")
        for name, (about, _) in BENCHES.items():
            print(f"  {name:16}  {about}")
        return 0
    if args[0] == "--version":
        print(version.line("cnn-bench"))
        return 0
    try:
        if args[0] not in BENCHES:
            raise UserError(f"unknown benchmark {args[0]!r}; there are {', '.join(BENCHES)}")
        return import_module(BENCHES[args[0]][1]).main(args[1:])
    except UserError as error:
        print(f"cnn-bench: error: {visible(' '.join(str(error).split()))}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

"""The command cnn-bench, also `python -m apps.bench NAME [options]`."""

import sys

from cnn_core.cli import Command, Verb, run

BENCH = Command(
    prog="cnn-bench",
    about="Comparative studies, speed and accuracy over seeds, the machine's limits, one lens for all domains.",
    noun="benchmark",
    verbs={
        "pooling": Verb("none, max, avg in every domain, at equal size and compute", "apps.bench.studies.pooling"),
        "sharing": Verb("a CNN against fully connected networks, places shuffled or not", "apps.bench.studies.sharing"),
        "size": Verb("accuracy against size of the network and amount of data", "apps.bench.studies.size"),
        "classic": Verb("nearest neighbours, SVM, logistic regression, random forest", "apps.bench.studies.classic"),
        "axes": Verb("along which axis filters move over sounds and sentences", "apps.bench.studies.axes"),
        "planes": Verb("what a Go network is shown", "apps.bench.studies.planes"),
        "embeddings": Verb("where word vectors come from", "apps.bench.studies.embeddings"),
        "speed": Verb("every speed figure, each against its named baseline", "apps.bench.figures.speed"),
        "roofline": Verb("work, time and share of the machine's peak of every main job", "apps.bench.roofline.command"),
        "lens": Verb("one page: what the networks of all four domains see", "apps.bench.lens"),
        "report": Verb("docs/benchmarks.md from the results of the studies", "apps.bench.report"),
        "digits-speed": Verb(
            "CPU-seconds to train and to reach 99 %, inference speed", "apps.bench.figures.digits_speed"
        ),
        "digits-accuracy": Verb("test accuracy of a preset over seeds", "apps.bench.figures.digits_accuracy"),
        "go-speed": Verb("Go positions per CPU-second, beside sgfmill's board", "apps.bench.figures.go_speed"),
        "go-accuracy": Verb("Go: planes, pooling, symmetries, over seeds", "apps.bench.figures.go_accuracy"),
        "speech-speed": Verb(
            "clips per CPU-second in training, beside a per-file DataLoader", "apps.bench.figures.speech_speed"
        ),
        "speech-accuracy": Verb(
            "words by voices never heard: synthetic, few real, one left out", "apps.bench.figures.speech_accuracy"
        ),
        "text-speed": Verb(
            "texts per CPU-second in training and prediction, against a plain loop", "apps.bench.figures.text_speed"
        ),
        "text-accuracy": Verb(
            "test accuracy of text presets, beside linear models", "apps.bench.figures.text_accuracy"
        ),
        "dream-speed": Verb("styles, dreams and optima on the real VGG-19", "apps.bench.figures.dream_speed"),
        "winograd-speed": Verb(
            "3x3 and 5x5 convolutions in training, against direct ones", "apps.bench.figures.winograd_speed"
        ),
        "visual-speed": Verb("x* of all filters in one batch against one at a time", "apps.bench.figures.visual_speed"),
    },
)


def main(args: list[str] | None = None) -> int:
    """Run one benchmark; the exit status."""
    return run(BENCH, sys.argv[1:] if args is None else args)


if __name__ == "__main__":
    sys.exit(main())

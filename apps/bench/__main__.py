"""The command cnn-bench, also `python -m apps.bench NAME [options]`."""

import sys

from cnn_core.app import Verb, VerbModule
from cnn_core.cli import Command, run


def _pooling() -> VerbModule:
    from apps.bench.studies import pooling

    return pooling


def _sharing() -> VerbModule:
    from apps.bench.studies import sharing

    return sharing


def _size() -> VerbModule:
    from apps.bench.studies import size

    return size


def _classic() -> VerbModule:
    from apps.bench.studies import classic

    return classic


def _axes() -> VerbModule:
    from apps.bench.studies import axes

    return axes


def _planes() -> VerbModule:
    from apps.bench.studies import planes

    return planes


def _embeddings() -> VerbModule:
    from apps.bench.studies import embeddings

    return embeddings


def _speed() -> VerbModule:
    from apps.bench.figures import speed

    return speed


def _roofline() -> VerbModule:
    from apps.bench.roofline import command

    return command


def _peers() -> VerbModule:
    from apps.bench.peers import command

    return command


def _networks() -> VerbModule:
    from apps.bench.networks import command

    return command


def _lens() -> VerbModule:
    from apps.bench import lens

    return lens


def _licences() -> VerbModule:
    from apps.bench import licences

    return licences


def _report() -> VerbModule:
    from apps.bench import report

    return report


def _digits_speed() -> VerbModule:
    from apps.bench.figures import digits_speed

    return digits_speed


def _digits_accuracy() -> VerbModule:
    from apps.bench.figures import digits_accuracy

    return digits_accuracy


def _go_speed() -> VerbModule:
    from apps.bench.figures import go_speed

    return go_speed


def _go_accuracy() -> VerbModule:
    from apps.bench.figures import go_accuracy

    return go_accuracy


def _speech_speed() -> VerbModule:
    from apps.bench.figures import speech_speed

    return speech_speed


def _speech_accuracy() -> VerbModule:
    from apps.bench.figures import speech_accuracy

    return speech_accuracy


def _speech_listening() -> VerbModule:
    from apps.bench import listening

    return listening


def _text_speed() -> VerbModule:
    from apps.bench.figures import text_speed

    return text_speed


def _text_accuracy() -> VerbModule:
    from apps.bench.figures import text_accuracy

    return text_accuracy


def _dream_speed() -> VerbModule:
    from apps.bench.figures import dream_speed

    return dream_speed


def _winograd_speed() -> VerbModule:
    from apps.bench.figures import winograd_speed

    return winograd_speed


def _visual_speed() -> VerbModule:
    from apps.bench.figures import visual_speed

    return visual_speed


BENCH = Command(
    prog="cnn-bench",
    about="Comparative studies, speed and accuracy over seeds, the machine's limits, one lens for all domains.",
    noun="benchmark",
    verbs={
        "pooling": Verb("none, max, avg in every domain, at equal size and compute", _pooling),
        "sharing": Verb("a CNN against fully connected networks, places shuffled or not", _sharing),
        "size": Verb("accuracy against size of the network and amount of data", _size),
        "classic": Verb("nearest neighbours, SVM, logistic regression, random forest", _classic),
        "axes": Verb("along which axis filters move over sounds and sentences", _axes),
        "planes": Verb("what a Go network is shown", _planes),
        "embeddings": Verb("where word vectors come from", _embeddings),
        "speed": Verb("every speed figure, each against its named baseline", _speed),
        "roofline": Verb("work, time and share of the machine's peak of every main job", _roofline),
        "peers": Verb("the suite beside Keras, scikit-learn, fastText, captum and others", _peers),
        "lens": Verb("one page: what the networks of all five domains see", _lens),
        "networks": Verb("train the ready-made networks again and write their cards", _networks),
        "licences": Verb("of every package that is installed for the suite, and of the data sets", _licences),
        "report": Verb("docs/benchmarks.md from the results of the studies", _report),
        "digits-speed": Verb("CPU-seconds to train and to reach 99 %, inference speed", _digits_speed),
        "digits-accuracy": Verb("test accuracy of a preset over seeds", _digits_accuracy),
        "go-speed": Verb("Go positions per CPU-second, beside sgfmill's board", _go_speed),
        "go-accuracy": Verb("Go: planes, pooling, symmetries, over seeds", _go_accuracy),
        "speech-speed": Verb("clips per CPU-second in training, beside a per-file DataLoader", _speech_speed),
        "speech-accuracy": Verb("words by voices never heard: synthetic, few real, one left out", _speech_accuracy),
        "speech-listening": Verb("words told in long recordings: real strangers, 2,000 other words", _speech_listening),
        "text-speed": Verb("texts per CPU-second in training and prediction, against a plain loop", _text_speed),
        "text-accuracy": Verb("test accuracy of text presets, beside linear models", _text_accuracy),
        "dream-speed": Verb("styles, dreams and optima on the real VGG-19", _dream_speed),
        "winograd-speed": Verb("3x3 and 5x5 convolutions in training, against direct ones", _winograd_speed),
        "visual-speed": Verb("x* of all filters in one batch against one at a time", _visual_speed),
    },
)


def main(args: list[str] | None = None) -> int:
    """Run one benchmark; the exit status."""
    return run(BENCH, sys.argv[1:] if args is None else args)


if __name__ == "__main__":
    sys.exit(main())

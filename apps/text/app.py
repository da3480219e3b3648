"""The text app: the one value that ties its files together; no torch."""

from apps.text.config import DEFAULT, PRESETS, TextConfig
from cnn_core.app import App, lazy
from cnn_core.cli import Verb

APP = App(
    name="text",
    about="Texts in classes (reviews, questions, news, your own): train, measure, predict, see which words decided.",
    config=TextConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    load=lazy("apps.text.data:load"),
    read=lazy("apps.text.data:read"),
    build=lazy("apps.text.model:build"),
    render=lazy("apps.text.render:render"),
    start=lazy("apps.text.model:start"),
    data_sets=("movie-snippets", "mr", "sst", "trec", "ag-news", "imdb", "glove-50d"),
    suffixes=(".txt",),
    free_axes={1: "words"},
    what="text",
    step=lazy("apps.text.model:step"),
    report=lazy("apps.text.verbs.report:report"),
    gallery=False,
    wanted=lazy("apps.text.maximize:wanted"),
    patch=lazy("apps.text.render:patch"),
    looks={
        "ngrams": ("for each filter, the n-grams of the training texts that excite it most", "apps.text.verbs.ngrams"),
        "neighbours": (
            "which words lie next to the words of --input, before and after training",
            "apps.text.verbs.neighbours",
        ),
        "map": ("the word vectors on two axes, coloured by class", "apps.text.verbs.word_map"),
    },
    offers=("prepare", "train", "evaluate", "visualize"),
    verbs={
        "predict": Verb("texts, files, or standard input line by line", "apps.text.verbs.predict"),
        "explain": Verb("the words and n-grams that decided, as coloured text", "apps.text.verbs.explain"),
        "export": Verb("ONNX with the vocabulary beside it, and an example without PyTorch", "apps.text.verbs.export"),
        "summary": Verb("layers, output shapes, parameters, multiply-adds", "apps.text.verbs.summary"),
        "folds": Verb("train and test on each of k folds, beside linear models", "apps.text.verbs.folds"),
    },
)

"""The speech app: the one value that ties its files together; no torch."""

from apps.speech.config import DEFAULT, PRESETS, SpeechConfig
from cnn_core.app import App, lazy
from cnn_core.cli import Verb

APP = App(
    name="speech",
    about="Words in speech: train on recordings or synthetic voices, measure, find words in long recordings.",
    config=SpeechConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    load=lazy("apps.speech.data:load"),
    read=lazy("apps.speech.signal.audio:read"),
    build=lazy("apps.speech.model:build"),
    start=lazy("apps.speech.start:start"),
    render=lazy("apps.speech.render:render"),
    patch=lazy("apps.speech.render:patch"),
    report=lazy("apps.speech.verbs.report:report"),
    data_sets=("fsdd", "speech-commands"),
    suffixes=(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"),
    what="recording",
    wanted=lazy("apps.speech.maximize:wanted"),
    looks={"sounds": ("what each word's output wants to hear, as WAV files", "apps.speech.verbs.sounds")},
    verbs={
        "prepare": Verb("fetch and verify a data set, or have words spoken", "apps.speech.verbs.prepare"),
        "listen": Verb("find words in a long recording, with their times", "apps.speech.verbs.listen"),
        "export": Verb("ONNX, front end included, checked against PyTorch", "apps.speech.verbs.export"),
        "summary": Verb("layers, output shapes, parameters, multiply-adds", "apps.speech.verbs.summary"),
    },
)

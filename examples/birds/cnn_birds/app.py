"""The birds app: the value that ties its files together; no torch."""

from cnn_birds.config import DEFAULT, PRESETS, BirdsConfig
from cnn_core.app import App


def load(config):
    from cnn_birds import data

    return data.load(config)


def read(source):
    from cnn_birds import data

    return data.read(source)


def build(config, labels):
    from cnn_birds import model

    return model.build(config, labels)


def example(config, labels):
    from cnn_birds import model

    return model.example(config)


def render(song, heat=None):
    from cnn_birds import render as module

    return module.render(song, heat)


APP = App(
    name="birds",
    about="Bird songs by species.",
    config=BirdsConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    load=load,
    read=read,
    build=build,
    example=example,
    render=render,
    suffixes=(".npy",),
    what="recording",
)

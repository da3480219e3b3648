"""The digits app: the one value that ties its files together; no torch."""

from apps.digits.config import DEFAULT, PRESETS, DigitsConfig
from cnn_core.app import App, lazy

APP = App(
    name="digits",
    about="Handwritten digits (or any small pictures in classes): train, measure, read your own, look inside.",
    config=DigitsConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    load=lazy("apps.digits.data:load"),
    read=lazy("apps.digits.data:read"),
    build=lazy("apps.digits.model:build"),
    render=lazy("apps.digits.render:render"),
    data_sets=("mnist", "fashion-mnist", "kmnist", "emnist", "qmnist"),
    suffixes=(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm"),
    what="picture",
    wanted=lazy("apps.digits.maximize:wanted"),
    patch=lazy("apps.digits.render:patch"),
    looks={"lecture": ("the lecture's figures, and its claims as numbers", "apps.digits.verbs.lecture")},
)

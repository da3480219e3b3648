"""The dream app: the one value that ties its files together; no torch."""

from apps.dream.config import DEFAULT, PRESETS, DreamConfig
from cnn_core.app import App, lazy
from cnn_core.cli import Verb

APP = App(
    name="dream",
    about="Natural pictures through the eyes of a trained network: what its filters want, dreams, styles, reasons.",
    config=DreamConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    load=lazy("apps.dream.data:load"),
    read=lazy("apps.dream.data:read"),
    build=lazy("apps.dream.model:build"),
    render=lazy("apps.dream.render:render"),
    data_sets=("photos", "backbones"),
    suffixes=(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm"),
    what="picture",
    offers=(),
    verbs={
        "prepare": Verb("fetch and verify networks and sample photographs", "apps.dream.verbs.prepare"),
        "filters": Verb(
            "what the filters of a layer want, and the photographs that come closest", "apps.dream.verbs.filters"
        ),
        "dream": Verb("Deep Dream: a picture in which a layer sees more of what it sees", "apps.dream.verbs.dream"),
        "style": Verb("Deep Style: one picture's content in the style of others", "apps.dream.verbs.style"),
        "explain": Verb("which parts of a picture made a classifier say what it says", "apps.dream.verbs.explain"),
    },
)

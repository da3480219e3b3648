"""The Go app: the one value that ties its files together; no torch."""

from apps.go.config import DATA_SETS, DEFAULT, PRESETS, GoConfig
from cnn_core.app import App, lazy
from cnn_core.cli import Verb

APP = App(
    name="go",
    about="Go: predict expert moves without pooling, play over GTP, look inside.",
    config=GoConfig,
    presets=PRESETS,
    default_preset=DEFAULT,
    load=lazy("apps.go.data:load"),
    read=lazy("apps.go.data:read"),
    build=lazy("apps.go.model:build"),
    render=lazy("apps.go.render:render"),
    patch=lazy("apps.go.render:patch"),
    step=lazy("apps.go.model:step"),
    data_sets=DATA_SETS,
    suffixes=(".sgf",),
    what="position",
    free_axes={2: "rows", 3: "columns"},
    wanted=lazy("apps.go.maximize:wanted"),
    verbs={
        "prepare": Verb(
            "read games of yours, or a data set; say what was taken and what left out", "apps.go.verbs.prepare"
        ),
        "selfplay": Verb("let GNU Go make games for you", "apps.go.verbs.selfplay"),
        "evaluate": Verb("top-1, top-5, likelihood, by phase and distance; calibration", "apps.go.verbs.evaluate"),
        "summary": Verb("layers, output shapes, parameters, multiply-adds", "apps.go.verbs.summary"),
        "predict": Verb(
            "the most probable moves in records of yours, with a picture of the board", "apps.go.verbs.predict"
        ),
        "annotate": Verb("write the network's candidates into a game record", "apps.go.verbs.annotate"),
        "gtp": Verb("play and analyse in Sabaki, GoGui and other programs", "apps.go.verbs.gtp"),
        "match": Verb("play against a GTP program or a random player, and count the wins", "apps.go.verbs.match"),
    },
)

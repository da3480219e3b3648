"""evaluate: how good a run predicts the moves of games that it has not seen, as numbers and pictures."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DISTANCES = (("1 line", 1, 1), ("2", 2, 2), ("3 to 4", 3, 4), ("5 to 8", 5, 8), ("9 and more", 9, 99))


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(Shared):
    """Options of evaluate."""

    run: positional(Path)  # type: ignore[valid-type]
    """Run folder that train made."""
    data: str = ""
    """Another data set, folder or archive than the one the run was trained on."""
    size: int = 0
    """Another board size than the run's: the network plays every size."""
    split: Literal["auto", "all", "test", "validation"] = "auto"
    """Games to measure on. all: every game of the board size, whatever the run's choice; auto: all where --data names
    other games than the run's, else test. Choose settings on validation, so that test is read once."""
    symmetries: int = 1
    """1, or 8 to average over all turned and mirrored boards: eight times the work."""
    positions: int = 0
    """Measure a random part of so many positions; 0 takes all."""
    out: Path | None = None
    """Folder for the report; RUN/evaluation when left out."""
    mistakes: int = 24
    """Largest number of positions in the gallery of mistakes."""


parse = parser(EvaluateOptions, "Top-1, top-5, likelihood: by phase, by distance to the last move; calibration.")


def run(app: App, options: EvaluateOptions) -> Outcome:
    """Measure, and write metrics.json and the pictures."""
    from apps.go.data import data_name, evaluated, same_data
    from apps.go.model import averaged
    from apps.go.play.player import Style
    from apps.go.rules.points import labels
    from apps.go.verbs.move_metrics import distances, measure, move_numbers, phases
    from cnn_core import runs
    from cnn_core.drawing import report
    from cnn_core.files import write_json
    from cnn_core.training import device
    from cnn_core.training.data import permutation
    from cnn_core.training.monitoring.log import read_log

    Style(symmetries=options.symmetries)  # checks it
    common = options.common
    trained = runs.restore(app, options.run, device.choose(common.device, common.threads))
    config = replace(trained.config, watched=0)
    config = replace(config, data=options.data or config.data, size=options.size or config.size)
    chosen = options.split
    if chosen == "auto":
        chosen = "test" if same_data(config.data, trained.config.data) else "all"
    split = evaluated(config, chosen)
    games = len(split.games)
    if 0 < options.positions < len(split):
        split = split.subset(permutation(len(split), common.seed, 0)[: options.positions].sort().values)
    model = averaged(trained.model, trained.config) if options.symmetries == 8 else trained.model
    found = measure(model, split, precision=config.fit.precision, temperature=trained.calibration.temperature)
    numbers, away = move_numbers(split), distances(split)
    by_phase = {
        f"{name} ({first} to {last})" if last < 10 * config.size else f"{name} (from {first})": found.summary(
            (numbers >= first) & (numbers <= last)
        )
        for name, first, last in phases(config.size)
    }
    by_distance = {name: found.summary((away >= first) & (away <= last)) for name, first, last in DISTANCES}
    folder = options.out or options.run / "evaluation"
    result: dict[str, Any] = {"run": str(options.run), "data": data_name(config.data), "split": chosen}
    result |= {"games": games, "size": config.size, "symmetries": options.symmetries, **found.summary()}
    result |= {"accuracy": result["top1"], "count": result["positions"]}  # as the other apps call them
    result |= {"calibration_error": found.calibration.error, "by_phase": by_phase, "by_distance": by_distance}
    result |= {"report": str(folder)}
    if trained.config.judge:
        from apps.go.verbs.judge_metrics import measure_judgement

        judgement = measure_judgement(trained.model, split, precision=config.fit.precision)
        if judgement is not None:
            result["judgement"] = judgement[0]
            report.save(report.reliability(judgement[1]), folder / "winner.png")
    write_json(folder / "metrics.json", result)
    report.save(report.reliability(found.calibration), folder / "calibration.png")
    report.save(by_figure(by_phase, by_distance), folder / "phases.png")
    history = read_log(options.run)
    if history:
        report.save(report.learning_curve(history), folder / "learning.png")
    _gallery(split, found, labels(config.size, config.passes), options.mistakes, folder)
    return Outcome(result, _text(result))


def by_figure(by_phase: dict[str, dict[str, float]], by_distance: dict[str, dict[str, float]]) -> "Figure":
    """Top-1 and top-5 by phase and by distance, with the 95 % interval of top-1."""
    from cnn_core.drawing.report import BLUE, ORANGE, new_figure, styled

    @styled
    def draw() -> "Figure":
        figure = new_figure(7.6, 3.4)
        for axes, (title, parts) in zip(
            figure.subplots(1, 2, sharey=True),
            (("By phase (moves)", by_phase), ("By distance to the last move (lines)", by_distance)),
            strict=True,
        ):
            filled = {name: part for name, part in parts.items() if part["positions"]}
            x, names = range(len(filled)), [name.replace(" (", "\n(").replace(" middle", "\nmiddle") for name in filled]
            top1 = [100 * part["top1"] for part in filled.values()]
            ends = [[100 * (p["top1"] - p["low"]) for p in filled.values()]]
            ends += [[100 * (p["high"] - p["top1"]) for p in filled.values()]]
            axes.errorbar(x, top1, yerr=ends, fmt="o-", color=BLUE, label="top-1, 95 %")
            axes.plot(x, [100 * p["top5"] for p in filled.values()], "D-", color=ORANGE, label="top-5")
            axes.set_xticks(x, names, fontsize=7.5)
            axes.set_xlim(-0.4, len(filled) - 0.6)
            axes.set_ylim(0, 100)
            axes.grid(axis="y")
            axes.set_title(title)
        figure.axes[0].set_ylabel("moves found, %")
        figure.axes[0].legend(loc="lower right")
        return figure

    return draw()


def _gallery(split: Any, found: Any, labels: tuple[str, ...], count: int, folder: Path) -> None:
    from apps.go.board_picture import draw
    from apps.go.render import board_of
    from cnn_core.drawing import grids, report

    worst = [i for i in (-found.loss).argsort()[:count].tolist() if found.rank[i]]
    if not worst:
        return
    moves = split.targets.tolist()
    pictures = []
    for i in worst:
        board, last = board_of(split.take(slice(i, i + 1))[0][0].numpy())
        preferred = {int(found.best[i]): float(found.confidence[i])}
        pictures.append(draw(board, last=last, played=moves[i], candidates=preferred))
    captions = [
        f"{labels[moves[i]]} was played (red ring)\n{labels[found.best[i]]} preferred, p={found.confidence[i]:.2f}"
        for i in worst
    ]
    title = f"The {len(worst)} moves that surprised the network most, of {len(found.loss)}"
    report.save(grids.gallery(pictures, captions, columns=4, title=title, size=2.8), folder / "mistakes.png")


def _text(result: dict[str, Any]) -> str:
    name = f"{result['data']}, {result['split']} games{', 8 symmetries' if result['symmetries'] == 8 else ''}"
    rows = [
        ["games", str(result["games"])],
        ["positions", str(result["positions"])],
        ["top-1", f"{result['top1']:.2%}  (95 % interval {result['low']:.2%} to {result['high']:.2%})"],
        ["top-5", f"{result['top5']:.2%}"],
        ["negative log-likelihood", f"{result['nll']:.4f} nats"],
        ["calibration error", f"{result['calibration_error']:.2%}"],
    ]
    parts = [table(["measure", name], rows)]
    for what, key in (("phase", "by_phase"), ("lines to the last move", "by_distance")):
        lines = [
            [part, p["positions"], f"{p['top1']:.1%}", f"{p['top5']:.1%}", f"{p['nll']:.3f}"]
            for part, p in result[key].items()
            if p["positions"]
        ]
        parts.append(table([what, "positions", "top-1", "top-5", "nats"], lines))
    if "judgement" in result:
        judged = result["judgement"]
        lines = [
            ["the side held to be ahead won", f"{judged['winner']:.1%} of {judged['positions']} positions"],
            ["calibration error of the win probability", f"{judged['calibration_error']:.2%}"],
            ["its Brier score", f"{judged['brier']:.4f}"],
        ]
        if judged["score_error"] is not None:
            lines.append(["error of the margin", f"{judged['score_error']:.1f} points"])
        if judged["ownership"] is not None:
            lines.append(["points whose owner is told", f"{judged['ownership']:.1%}"])
        parts.append(table(["who is ahead", ""], lines))
    return "\n\n".join([*parts, f"report: {result['report']}"])

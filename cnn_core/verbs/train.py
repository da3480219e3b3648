"""train: a preset with overrides, into a run folder; or continue one that was stopped."""

import os
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnn_core import config as config_module
from cnn_core.app import App
from cnn_core.console import note
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.fetching.manifests import available
from cnn_core.networks import pretrained
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import FromPreset, parse_preset, preset


@dataclass(frozen=True, kw_only=True)
class TrainOptions(FromPreset):
    """Options of train beside the configuration."""

    out: Path | None = None
    """Run folder to make; runs/<app>/<preset>-<time> when left out."""
    overwrite: bool = False
    """Replace the run folder `out` when it exists."""
    resume: Path | None = None
    """Run folder to continue; its own configuration and seed hold."""
    init: Path | None = None
    """Run folder whose weights to begin with: one of the same layers, trained on other data or in another way."""
    labels: Path | None = None
    """List of changed training labels that `review` wrote; they are applied to a copy, the data stay as they are."""
    rendezvous_timeout: float = 300.0
    """Of several processes (torchrun): seconds to wait at the start until all have come."""
    tensorboard: bool = False
    """Write TensorBoard's event files beside the log."""
    export: bool = True
    """Write RUN/model.onnx at the end, through which the run then answers without PyTorch (needs the extra onnx);
    CNN_SUITE_EXPORT=0 leaves it out of every training."""


def parse(app: App, prog: str, args: Sequence[str]) -> Any:
    """Options whose defaults are those of the preset that --preset names."""
    about = f"Train a preset ({', '.join(app.presets)}); the defaults shown are those of the one that --preset names."
    parsed = parse_preset(TrainOptions, app, prog, args, about)
    if parsed.resume and parsed.config != preset(app, parsed.preset or app.default_preset):
        raise UserError("--resume continues with the run's own configuration; leave the overrides out")
    if parsed.resume and (parsed.out or parsed.overwrite or parsed.init or parsed.labels):
        raise UserError("--resume names the run folder itself; leave --out, --overwrite, --init and --labels out")
    if not 0 < parsed.rendezvous_timeout < float("inf"):
        raise UserError(f"--rendezvous-timeout must be a number of seconds above 0, not {parsed.rendezvous_timeout:g}")
    return parsed


def run(app: App, options: Any) -> Outcome:
    """Train and save; the outcome is the last epoch's record."""
    if options.resume or options.config.fit.winograd:
        # Threads that wait for OpenMP's next loop would otherwise spin on the processors that our own threads need.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from cnn_core import runs
    from cnn_core.exporting import training_end
    from cnn_core.training import calibration, device, distributed, engine  # torch: 2 s, so not for --help
    from cnn_core.training.run_lock import training_in
    from cnn_core.verbs.measures.reviewing import changes, command

    common, given, begun_before = options.common, None, False
    chosen = device.choose(common.device, common.threads)
    with ExitStack() as stack:
        here = stack.enter_context(distributed.process_group(chosen, options.rendezvous_timeout))
        if options.resume:
            folder = Path(options.resume)
            record = runs.read_record(app, folder)
            config = config_module.from_json(app.config, record["config"], f"{folder}/config.json")
            if "calibration" not in record["config"].get("fit", {}):  # of version 0.1: it has learned from all samples
                config = replace(config, fit=replace(config.fit, calibration=0.0))
            name, seed, labels = record["preset"], record["seed"], tuple(record["labels"])
            if not common.threads:
                device.choose(common.device, record["threads"])  # sums depend on the number of threads
            begun_before = runs.has_checkpoint(folder)
            if not begun_before and "init" in record:
                raise UserError(
                    f"{folder}: was to begin with the weights of {record['init']['run']} and has no checkpoint yet;"
                    f" train again: --init {record['init']['run']} --out {folder} --overwrite"
                )
            source = _load(app.with_fitted(runs.fitted_of(app, record)), config, here)
            if source.labels != labels:
                raise UserError(f"{folder}: the data {config.data!r} have other classes now than when the run began")
            listed = command.kept_rows(folder)
            source = changes.applied(source, listed, f"{folder}/{changes.KEPT}").source
        else:
            name, seed = options.preset or app.default_preset, common.seed
            config = with_absolute_paths(options.config, app.paths)
            folder = runs.new_folder(app, name, options.out, options.overwrite) if here.main else None
            folder = distributed.from_main(folder)
            given = runs.restore(app, pretrained.named(options.init)) if options.init else None
            listed = [row for row in changes.read(options.labels) if row.decision] if options.labels else []
            source = _load(app, config, here)
            relabelled = changes.applied(source, listed, str(options.labels))
            source = relabelled.source
            init = runs.origin(given) if given else None
            record = runs.make_record(app, name, config, source.labels, seed, source.fitted, init)
            if options.labels:
                record["labels_changed"] = {"changed": relabelled.changed, "dropped": relabelled.dropped}
                note(f"{relabelled.changed} labels changed and {relabelled.dropped} samples dropped, in a copy")
        train, validation, held = calibration.parts_of(source, config.fit, seed)
        epochs = engine.planned(train, config.fit)[1].epochs

        def begun() -> Any:
            """The network as its training begins."""
            model = runs.build_seeded(app, config, source.labels, seed, source.fitted)
            if given:
                runs.load_weights(model, given)
            return model.to(chosen)

        def another(part: Any) -> Any:
            """A network that has learned from a part of the samples."""
            other = begun()
            engine.fit(other, part, config.fit, step=step, seed=seed, progress=not common.json)
            return other

        step = app.step(config) if app.step else None
        # Killed before its first checkpoint, a run begins anew.
        with runs.bounded_building(folder) if begun_before else nullcontext():
            model = begun()
        replaced = []  # what removes an earlier run, once this one has a checkpoint
        if here.main:  # nothing was written or moved until here, where data and network are known to be good
            stack.enter_context(training_in(folder))
            if options.resume:
                calibration.remove(folder)
            else:
                replaced.append(stack.enter_context(runs.replacing(folder)))
                runs.write_record(folder, record)
                if listed:
                    changes.write(folder / changes.KEPT, listed)
            note(f"training {name} on {source.name}: {len(train)} {app.what}s, {chosen}, into {folder}")
            if epochs > config.fit.epochs:
                note(f"{epochs} passes instead of {config.fit.epochs}, for {config.fit.least_steps} steps at least")

        def epoch_ends(entry: dict[str, Any]) -> None:
            for finish in replaced:
                finish()
            note(_line(entry, epochs))

        try:
            fit = engine.fit(
                model,
                train,
                config.fit,
                validation=validation,
                step=step,
                seed=seed,
                run=folder,
                record=record,
                resume=bool(options.resume),
                tensorboard=options.tensorboard,
                progress=not common.json,
                on_epoch=epoch_ends,
            )
            if config.fit.calibration:
                forward = app.with_fitted(source.fitted).forward_of(config)
                asked = {"precision": config.fit.precision, "forward": forward}
                if held is None:
                    by_folds = calibration.fit_by_folds(another, train, seed, app.what, **asked)
                    found = by_folds and (by_folds, calibration.bank_of(model, train, **asked))
                else:
                    found = calibration.fit(model, train, held, **asked) if here.main else None
                if found and here.main:
                    calibration.save(folder, *found)
        except engine.Interrupted as stop:
            note(f"{stop}; continue with: {app.prog} train --resume {folder}")
            return Outcome({"run": str(folder), "interrupted": True}, "", status=130)
        asked = here.main and training_end.wanted(options.export)
        exported = training_end.export_trained(app, folder, source.test) if asked else None
    return _outcome(app, folder, name, fit, exported)


def with_absolute_paths(config: Any, names: Sequence[str]) -> Any:
    """The configuration with those of its values that name files or folders made absolute.

    A run is used from other folders than the one in which it was trained. Names are dotted: "texts.test".
    """
    for name in names:
        outer, _, rest = name.partition(".")
        value = getattr(config, outer)
        if rest:
            config = replace(config, **{outer: with_absolute_paths(value, (rest,))})
        elif value and value not in available() and (path := Path(value).expanduser()).exists():
            config = replace(config, **{outer: str(path.resolve())})
    return config


def _load(app: App, config: Any, here: Any) -> Any:
    """The data set; the main process first, so that it is fetched once."""
    from cnn_core.training.distributed import wait_for_main

    if not here.main:
        wait_for_main()
    source = app.load(config)
    if here.main:
        wait_for_main()
    return source


def _line(entry: dict[str, Any], epochs: int) -> str:
    values = [
        f"{name.replace('_', ' ')} {value:.4f}" for name, value in entry.items() if name.startswith(("train", "val"))
    ]
    return f"epoch {entry['epoch']}/{epochs}: {', '.join(values)}, {entry['cpu_seconds']:.1f} CPU-s"


def _outcome(app: App, folder: Path, name: str, fit: Any, exported: Any) -> Outcome:
    last = fit.history[-1] if fit.history else {}
    result = {"run": str(folder), "preset": name, "steps": fit.steps, "cpu_seconds": round(fit.cpu_seconds, 3)}
    result |= {"seconds": round(fit.seconds, 3), "metrics": last}
    rows = [[key.replace("_", " "), f"{value:.4f}"] for key, value in last.items() if key.startswith(("train", "val"))]
    rows += [["steps", fit.steps], ["CPU-seconds", f"{fit.cpu_seconds:.1f}"], ["seconds", f"{fit.seconds:.1f}"]]
    if exported:
        result["export"] = {"onnx": str(exported.file), "cpu_seconds": round(exported.cpu_seconds, 3)}
        rows.append(["CPU-seconds of the export", f"{exported.cpu_seconds:.1f}"])
    text = f"{table(['trained', name], rows)}\n\nrun: {folder}\nnext: {app.prog} evaluate {folder}"
    return Outcome(result, text)

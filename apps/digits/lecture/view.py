"""`visualize lecture`: all sections on one page, the optima as a PNG, every figure beside it."""

from __future__ import annotations

from typing import Any

from apps.digits.lecture import arithmetic, likeness, optima, painting, subsampling
from apps.digits.lecture.section import Section
from cnn_core.app import App
from cnn_core.drawing import report
from cnn_core.drawing.pages import Page
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.outcome import Outcome
from cnn_core.runs import Run
from cnn_core.verbs.views.common import out_path


def view(app: App, run: Run, options: Any) -> Outcome:
    """Write the page (HTML), its main sheet (PNG) and a folder of the other figures."""
    convolutions, _ = optima.layers_of(run.model)
    data = app.load(run.config)
    if data.test is None:
        raise UserError("visualize lecture: the run's data have no test samples to try the claims on")
    learned, _ = optima.section(run, options)
    seed, steps = options.common.seed, max(options.maximize.steps, 192)
    sections = [
        *arithmetic.sections(run),
        subsampling.section(run, data.test.inputs, data.test.targets),
        learned,
        likeness.section(run, data.train.inputs, data.test.inputs, seed, steps),
        painting.section(run, data.test.inputs, convolutions, seed),
    ]
    out = out_path(options, run)
    out = out if out.suffix else out.with_suffix(".png")  # the folder of figures has the name without ending
    folder = out.with_suffix("")
    for section in sections:
        for name, figure, _ in section.figures:
            report.save(figure, out if section is learned else folder / f"{name}.png")
    page = _page(run, sections).save(out.with_suffix(".html"))
    claims = [claim for section in sections for claim in section.claims]
    head, rows = learned.tables[0]
    lines = [table(head, rows), "", *map(str, claims), "", f"picture: {out}", f"figures: {folder}", f"page: {page}"]
    measures = learned.measures["groups"]
    more = {section.title: section.measures for section in sections if section.measures and section is not learned}
    told = [{"claim": claim.text, "holds": claim.holds, "numbers": claim.numbers} for claim in claims]
    data_out = {"run": str(run.folder), "measures": measures, "claims": told, "more": more}
    return Outcome(data_out | {"picture": str(out), "figures": str(folder), "page": str(page)}, "\n".join(lines))


def _page(run: Run, sections: list[Section]) -> Page:
    page = Page("Convolutional networks, step by step")
    page.text(
        f"After Hung-yi Lee's lecture. The network of the second half was trained on {run.config.data} "
        f"({run.record['preset']} preset). Every claim stands with its number, and with whether it holds here."
    )
    for section in sections:
        page.heading(section.title)
        page.text(section.text)
        for _, figure, caption in section.figures:
            page.picture(figure, caption, dpi=110)
        for claim in section.claims:
            page.text(str(claim))
        for head, rows in section.tables:
            page.table(head, rows)
    page.text(
        "Repetition: the highest autocorrelation away from zero shift, 1 for a pattern that repeats exactly (median). "
        "Texture: the part of the spectrum's power in its strongest 2 percent of frequencies (median). "
        "Blank: the part of the pixels within 5 percent of black (mean)."
    )
    return page

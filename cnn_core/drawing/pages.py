"""One self-contained HTML page: headings, paragraphs, tables, pictures and coloured words, with no file beside it.

page = Page("What the network sees")
page.text("Trained on ...")
page.table(["unit", "activation"], [["3", "29.6"]])
page.picture(figure_or_path, "The filters of conv2")
page.save("page.html")

Text is always text: jinja2 escapes whatever the template shows.
"""

import base64
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cnn_core.drawing.heat import ink, strengths, tint
from cnn_core.files import atomic

TEMPLATE = """<!doctype html>
<html lang="{{ language }}"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .9rem .25rem 0; text-align: left; }
figure { margin: 1.5rem 0; }
figure img { max-width: 100%; }
figcaption { color: #555; }
.words { line-height: 2; }
</style></head>
<body>
<h1>{{ title }}</h1>
{%- for kind, part in parts %}
{%- if kind == "heading" %}
<h2>{{ part }}</h2>
{%- elif kind == "text" %}
<p>{{ part }}</p>
{%- elif kind == "words" %}
<p class="words">
{%- for word in part %} <span style="background:rgb{{ word.colour }};color:rgb{{ word.ink }}" title="{{ word.score }}">
{{- word.word }}</span>
{%- endfor %}</p>
{%- elif kind == "table" %}
<table><tr>{% for cell in part.head %}<th>{{ cell }}</th>{% endfor %}</tr>
{%- for row in part.rows %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{%- endfor %}</table>
{%- elif kind == "picture" %}
<figure><img src="data:image/png;base64,{{ part.data }}" alt="{{ part.caption }}"><figcaption>{{ part.caption }}
{{- "" }}</figcaption></figure>
{%- endif %}
{%- endfor %}
</body></html>
"""


class Page:
    """A page that is written from top to bottom."""

    def __init__(self, title: str, language: str = "en"):
        self.title, self.language = title, language
        self.parts: list[tuple[str, Any]] = []

    def heading(self, text: str) -> None:
        """A heading below the title."""
        self.parts.append(("heading", text))

    def text(self, text: str) -> None:
        """A paragraph."""
        self.parts.append(("text", text))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table; cells are shown as they print."""
        self.parts.append(("table", {"head": head, "rows": rows}))

    def words(self, words: Sequence[str], scores: Sequence[float] | NDArray) -> None:
        """Words on the colour of their scores: red where above zero, blue where below; the score in the title."""
        shown = []
        for word, score, strength in zip(words, scores, strengths(scores), strict=True):
            colour = tint(float(strength))
            shown.append({"word": word, "score": f"{score:+.4f}", "colour": colour, "ink": ink(colour)})
        self.parts.append(("words", shown))

    def picture(self, picture: Any, caption: str, *, dpi: int = 150) -> None:
        """A matplotlib figure, or the path of a PNG."""
        if isinstance(picture, str | Path):
            data = Path(picture).read_bytes()
        else:
            stream = io.BytesIO()
            picture.savefig(stream, format="png", dpi=dpi)
            data = stream.getvalue()
        self.parts.append(("picture", {"data": base64.b64encode(data).decode("ascii"), "caption": caption}))

    def save(self, path: str | Path) -> Path:
        """Write the page, whole or not at all."""
        text = _template().render(title=self.title, language=self.language, parts=self.parts)
        with atomic(path) as part:
            part.write_text(text, encoding="utf-8")
        return Path(path)


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined  # torch brings it; not needed for --help

    return Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True).from_string(TEMPLATE)

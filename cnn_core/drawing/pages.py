"""One self-contained HTML page: headings, paragraphs, tables and pictures, with no file beside it.

page = Page("What the network sees")
page.text("Trained on ...")
page.table(["unit", "activation"], [["3", "29.6"]])
page.picture(figure_or_path, "The filters of conv2")
page.save("page.html")
"""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnn_core.files import atomic

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .9rem .25rem 0; text-align: left; }
figure { margin: 1.5rem 0; }
figure img { max-width: 100%; }
figcaption { color: #555; }
"""


class Page:
    """A page that is written from top to bottom. All text is escaped."""

    def __init__(self, title: str, language: str = "en"):
        self.title, self.language = title, language
        self.parts = [f"<h1>{html.escape(title)}</h1>"]

    def heading(self, text: str) -> None:
        """A heading below the title."""
        self.parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str) -> None:
        """A paragraph."""
        self.parts.append(f"<p>{html.escape(text)}</p>")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table; cells are shown as they print."""
        lines = ["".join(f"<th>{html.escape(str(cell))}</th>" for cell in head)]
        lines += ["".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows]
        self.parts.append("<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>")

    def picture(self, picture: Any, caption: str, *, dpi: int = 150) -> None:
        """A matplotlib figure, or the path of a PNG."""
        if isinstance(picture, str | Path):
            data = Path(picture).read_bytes()
        else:
            stream = io.BytesIO()
            picture.savefig(stream, format="png", dpi=dpi)
            data = stream.getvalue()
        source = "data:image/png;base64," + base64.b64encode(data).decode("ascii")
        name = html.escape(caption, quote=True)
        self.parts.append(f'<figure><img src="{source}" alt="{name}"><figcaption>{name}</figcaption></figure>')

    def save(self, path: str | Path) -> Path:
        """Write the page, whole or not at all."""
        head = f'<meta charset="utf-8"><title>{html.escape(self.title)}</title><style>{STYLE}</style>'
        body = "\n".join(self.parts)
        with atomic(path) as part:
            part.write_text(
                f'<!doctype html>\n<html lang="{self.language}"><head>{head}</head>\n<body>\n{body}\n</body></html>\n',
                encoding="utf-8",
            )
        return Path(path)

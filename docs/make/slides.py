"""The slides as one page of their own: no library, arrow keys, one slide a sheet on paper."""

from __future__ import annotations

from pathlib import Path

import markdown

SOURCE = Path("class") / "slides.md"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Convolutional neural networks</title><link rel="icon" href="data:,"><style>
html {{ scroll-snap-type: y mandatory; }}
body {{ margin: 0; font: 4vmin/1.4 system-ui, sans-serif; color: #22262b; background: #fff; }}
section {{ box-sizing: border-box; height: 100vh; padding: 5vmin 8vmin; scroll-snap-align: start; display: flex;
  flex-direction: column; justify-content: center; break-after: page; }}
h2 {{ font-size: 1.5em; margin: 0 0 .6em; }}
p {{ margin: .3em 0; }}
img {{ max-width: 84vw; max-height: 58vh; object-fit: contain; min-height: 30vh; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #eee; background: #16191d; }} img {{ background: #fff; }} }}
</style></head><body>
{slides}
<script>
const slides = [...document.querySelectorAll("section")];
const forward = ["ArrowRight", "ArrowDown", "PageDown", " "], back = ["ArrowLeft", "ArrowUp", "PageUp"];
addEventListener("keydown", (event) => {{
  const step = forward.includes(event.key) - back.includes(event.key);
  if (!step) return;
  event.preventDefault();
  const at = Math.round(scrollY / innerHeight);
  slides[Math.min(slides.length - 1, Math.max(0, at + step))].scrollIntoView();
}});
</script></body></html>
"""


def page(text: str) -> str:
    """Markdown whose slides stand between lines of --- as one HTML page; what is before the first line is left out."""
    parts = text.split("\n---\n")[1:]
    slides = (f"<section>\n{markdown.markdown(part)}\n</section>" for part in parts)
    return PAGE.format(slides="\n".join(slides)).replace('src="../', 'src="')

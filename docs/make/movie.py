"""The README's moving picture: a digit is drawn on the playground's page, in headless Chromium.

python -m docs.make.movie            # docs/playground.webp, below 1 MB
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from docs.make.live import NETWORKS
from docs.make.places import DOCS

OUT = DOCS / "playground.webp"
SIZE = (1000, 1030)  # of the window
WIDTH = 640  # of the picture
STROKES = {
    "7": [[(80, 70), (195, 66), (172, 118), (148, 172), (128, 232)]],
    "3": [[(95, 75), (150, 55), (190, 85), (145, 130), (190, 165), (180, 215), (130, 235), (88, 212)]],
}
"""Digit -> strokes through points of the drawing field, 280 wide."""
MOST = 1_000_000  # bytes


def frames(page: Path) -> list[tuple[bytes, int]]:
    """(PNG, milliseconds) of each picture while digits are drawn."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    found: list[tuple[bytes, int]] = []
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, locale="en-GB", color_scheme="light")
        tab.goto(page.as_uri())
        tab.wait_for_selector(".pad")
        tab.wait_for_timeout(1500)
        for strokes in STROKES.values():
            tab.keyboard.press("Escape")
            clear = tab.get_by_role("button", name="Clear")
            if clear.count():
                clear.first.click()
            box = tab.locator(".pad").bounding_box()
            assert box is not None
            found.append((tab.screenshot(), 600))
            for stroke in strokes:
                places = [(box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280) for x, y in stroke]
                tab.mouse.move(*places[0])
                tab.mouse.down()
                for place in places[1:]:
                    tab.mouse.move(*place, steps=4)
                    tab.wait_for_timeout(250)
                    found.append((tab.screenshot(), 220))
                tab.mouse.up()
            tab.wait_for_timeout(600)
            found.append((tab.screenshot(), 2600))
        browser.close()
    return found


def movie(shots: list[tuple[bytes, int]]) -> bytes:
    """The frames as one WebP that repeats, at the best quality that stays below MOST."""
    from PIL import Image

    pictures = []
    for png, _ in shots:
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        pictures.append(picture.resize((WIDTH, picture.height * WIDTH // picture.width), Image.Resampling.LANCZOS))
    for quality in (80, 65, 50, 35):
        written = io.BytesIO()
        lasting = [milliseconds for _, milliseconds in shots]
        pictures[0].save(
            written, "WEBP", save_all=True, append_images=pictures[1:], duration=lasting, loop=0, quality=quality
        )
        if written.tell() < MOST:
            return written.getvalue()
    raise SystemExit(f"the moving picture has {written.tell():,} bytes at the lowest quality")


def main() -> int:
    """Write docs/playground.webp; the exit status."""
    import cnn_core
    from apps.playground import page

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "digits.html"
        file.write_text(page.page(cnn_core.load(NETWORKS["digits"]).run), encoding="utf-8")
        OUT.write_bytes(movie(frames(file)))
    print(f"{OUT.name}: {OUT.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One HTML page with nothing beside it."""

from cnn_core.drawing.pages import Page
from cnn_core.drawing.report import new_figure


def test_page_is_whole_and_escaped(tmp_path):
    page = Page("a < b")
    page.heading("Numbers & more")
    page.text("<script>alert(1)</script>")
    page.table(["unit", "x > y"], [["<b>", 3.5]])
    page.picture(new_figure(1, 1), 'a "quoted" caption')
    text = page.save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "<h1>a &lt; b</h1>" in text
    assert "<td>&lt;b&gt;</td><td>3.5</td>" in text
    assert 'alt="a &#34;quoted&#34; caption"' in text
    assert "data:image/png;base64,iVBOR" in text
    other = Page("from a file")
    (tmp_path / "x.png").write_bytes(b"\x89PNG")
    other.picture(tmp_path / "x.png", "bytes")
    assert "base64,iVBORw==" in other.save(tmp_path / "other.html").read_text()

"""Labels in scripts that the figures' own font does not have."""

import warnings

import pytest

from cnn_core.drawing import fonts, report


@pytest.fixture
def anew():
    fonts.families.cache_clear()
    yield
    fonts.families.cache_clear()


def drawn(label, path):
    @report.styled
    def draw():
        figure = report.new_figure(2, 1)
        figure.text(0.1, 0.5, label)
        return figure

    return report.save(draw(), path, dpi=50)


def test_installed_fonts_follow_the_own_one(anew, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(fonts, "OTHERS", ("No Such Font", "STIXNonUnicode"))
    assert fonts.families() == ["DejaVu Sans", "STIXNonUnicode"]
    drawn("a \ue000", tmp_path / "a.png")  # a character that the second has alone
    assert not capsys.readouterr().err
    monkeypatch.setattr(fonts, "OTHERS", ())
    fonts.families.cache_clear()
    drawn("a \ue000", tmp_path / "a.png")
    assert "no font" in capsys.readouterr().err


def test_characters_that_no_font_has_are_told_once(anew, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(fonts, "OTHERS", ())
    drawn("蓝色蓝", tmp_path / "a.png")
    told = capsys.readouterr().err.splitlines()
    assert told == [f"{tmp_path / 'a.png'}: no font installed here has 蓝色; boxes stand for these characters"]


def test_other_warnings_are_passed_on(tmp_path):
    with pytest.warns(RuntimeWarning, match="something else"), fonts.missing_characters_told(tmp_path):
        warnings.warn("something else", RuntimeWarning, stacklevel=1)

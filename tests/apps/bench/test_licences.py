"""licences: what stands under copyleft is an extra, never a requirement, and named in the README."""

import json
from pathlib import Path

import pytest

from apps.bench import licences
from apps.bench.__main__ import main

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def packages():
    return {each["name"]: each for each in licences.installed()}


def test_nothing_under_the_gpl_is_required(packages):
    assert {each["name"] for each in packages.values() if each["copyleft"] == 2} == {
        "espeakng-loader",
        "imageio-ffmpeg",
    }
    assert not [each for each in packages.values() if each["copyleft"] == 2 and each["for"] == licences.BASE]


def test_what_is_under_copyleft_stands_in_the_readme(packages):
    for name in ("eSpeak NG", "ffmpeg", "gensim", "libsndfile"):
        assert name in README
    assert "LGPL" in packages["gensim"]["licence"]
    assert packages["gensim"]["for"] == "text"


def test_packages_of_packages_are_there_and_say_who_needs_them(packages):
    assert packages["torch"]["for"] == packages["certifi"]["for"] == licences.BASE
    assert packages["llvmlite"]["for"] == "fast, go"
    assert all(each["licence"] for each in packages.values())
    assert licences.SUITE not in packages


def test_the_command(capsys):
    assert main(["licences", "--extras", "voices", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["packages"][0]["name"] == "espeakng-loader"
    assert {each["name"] for each in found["data_sets"]} >= {"mnist"}
    assert main(["licences", "--extras", "nix"]) == 2
    assert "no extra is named 'nix'" in capsys.readouterr().err

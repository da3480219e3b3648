"""`gtp --resign`: only after three hopeless moves in a row, past the opening."""

import numpy as np

from apps.go.gtp.engine import Engine
from apps.go.gtp.session import Session
from apps.go.play.evaluation import Evaluation
from apps.go.play.player import Style
from tests.helpers.go import Noise, talk


class Judge(Noise):
    """Noise that judges: the win rates of black are given, one for each number of moves made."""

    judges = True

    def __init__(self, winrates):
        self.winrates = winrates

    def evaluate(self, position, colour=0, symmetries=1, komi=7.5):
        colour = colour or position.to_move
        black = self.winrates.get(len(position.history), 0.5)
        winrate = black if colour == 1 else 1 - black
        shape = (position.size, position.size)
        return Evaluation(self.probabilities(position, colour), winrate, 0.0, np.zeros(shape))


def said(winrates, resign=0.1, moves=30):
    """What black and white say in turn."""
    engine = Engine(Session(Judge(winrates), Style(symmetries=1), size=9, resign=resign), "0")
    return [talk(f"genmove {'bw'[i % 2]}", engine=engine)[0][1] for i in range(moves)]


def test_black_resigns_at_its_third_hopeless_move_in_a_row():
    assert said(dict.fromkeys((22, 24, 26), 0.02), moves=27).index("resign") == 26
    assert "resign" not in said(dict.fromkeys((22, 24, 28), 0.02))


def test_white_resigns_by_its_own_win_rate():
    assert said(dict.fromkeys((21, 23, 25), 0.99), moves=26).index("resign") == 25


def test_nobody_resigns_in_the_opening_or_unasked():
    assert "resign" not in said(dict.fromkeys(range(18), 0.01), moves=18)
    assert "resign" not in said(dict.fromkeys(range(30), 0.01), resign=0.0)

"""The tree search: it finds what the policy does not see, adds up, keeps its tree and its time."""

import io
import queue
import threading
import time

import numpy as np
import pytest

from apps.go.gtp.engine import Engine
from apps.go.gtp.session import Session
from apps.go.play.player import Style
from apps.go.play.search import Search, Searcher, searcher
from apps.go.rules.points import parse
from apps.go.rules.position import Position
from apps.go.verbs.gtp import serve
from cnn_core.errors import UserError
from tests.helpers.go import Judge, talk


def check(node):
    """Visits add up, and worths are those of `worth`."""
    assert node.waiting == 0
    assert -0.1 <= node.mean <= 1.1
    if node.children and node.visits:
        assert sum(child.visits for child in node.children.values()) <= node.visits
    for child in node.children.values():
        check(child)


@pytest.mark.parametrize("colour", [1, 2])
def test_it_finds_the_capture(colour):
    position = Position(5)
    stones = [parse(p, 5) for p in ("b3", "d3", "c4")], [parse(p, 5) for p in ("c3",)]
    position.setup(*(stones if colour == 1 else stones[::-1]))
    position.to_move = colour
    root = Search(Judge()).run(position, colour, 7.5, 200)
    assert root.visits == 200
    check(root)
    assert max(root.children, key=lambda point: root.children[point].visits) == parse("c2", 5)
    assert root.mean < 0.5  # bad for the one who moved before


def test_the_tree_is_kept_and_the_game_untouched():
    judge, position = Judge(), Position(5)
    search = Search(judge)
    root = search.run(position, 1, 7.5, 100)
    assert not position.history
    first = max(root.children, key=lambda point: root.children[point].visits)
    child = root.children[first]
    second = max(child.children, key=lambda point: child.children[point].visits)
    position.play(1, first)
    position.play(2, second)
    kept = child.children[second]
    before = kept.visits
    assert search.run(position, 1, 7.5, before) is kept
    assert kept.visits == before
    position.undo()
    assert search.run(position, 2, 7.5, 10) is not child  # another game than the one searched last
    assert search.root.visits == 10


def test_allowed_moves_alone_are_visited_and_a_branch_shares_the_tree():
    judge, position = Judge(), Position(5)
    allowed = np.zeros(25, bool)
    allowed[[3, 7]] = True
    search = Search(judge)
    root = search.run(position, 1, 7.5, 40, allowed=allowed)
    assert {point for point, child in root.children.items() if child.visits} == {3, 7}
    assert search.run(position, 1, 7.5, 60, stop=lambda: True).visits == 40
    point, child = root.ranked()[0]
    before = child.visits
    assert child.line() == [child.ranked()[0][0], *child.ranked()[0][1].line()]
    position.play(1, point)
    assert search.beyond(point).run(position, 2, 7.5, before + 9) is child
    assert child.visits == before + 9
    assert search.run(position, 2, 7.5, 1) is child


def test_win_rate_and_score_are_means_of_what_the_network_says():
    position = Position(5)
    position.setup([parse(p, 5) for p in ("b3", "d3", "c4")], [parse("c3", 5)])
    root = Search(Judge()).run(position, 1, 7.5, 100)
    captured = root.children[parse("c2", 5)]
    assert captured.score == 1  # each position below has one stone taken
    assert captured.winrate == pytest.approx(1 / (1 + np.exp(-1)))
    assert root.score == pytest.approx(-sum(c.lead for c in root.children.values()) / 100)
    assert Search(Judge()).root.winrate == 0.5


def numbers(text):
    """The fields of each candidate of an analysis, by name; pv is the list of moves."""
    found = []
    for part in text.split("info ")[1:]:
        fields, _, line = part.partition(" pv ")
        words = fields.split()
        found.append({**dict(zip(words[::2], words[1::2], strict=True)), "pv": line.split()})
    return found


@pytest.mark.parametrize("command", ["kata-analyze", "lz-analyze", "analyze", "kata-genmove_analyze"])
def test_analyses_tell_what_the_search_found(command):
    session = Session(Searcher(Judge(), 60), Style(symmetries=1), size=5)
    engine = Engine(session, "0")
    stones = "b b3 b d3 b c4 w c3"
    talk(f"gogui-setup {stones}", engine=engine)
    ((good, text),) = talk(f"{command} b 1000", engine=engine)
    assert good
    found = numbers(text)
    assert sum(int(each["visits"]) for each in found) == 59  # and one of the position itself
    visits = [int(each["visits"]) for each in found]
    assert visits == sorted(visits, reverse=True)
    best = found[0]
    assert best["move"] == best["pv"][0] == "C2"
    assert len(best["pv"]) > 1
    scale = 10_000 if command == "lz-analyze" else 1
    assert float(best["winrate"]) / scale == pytest.approx(0.731, abs=1e-3)
    assert float(best["lcb"]) < float(best["winrate"])
    assert float(best["scoreLead"]) == 1
    if "genmove" in command:
        assert text.endswith("play C2")
    ((_, text),) = talk("kata-analyze w 1000 allow w e5,d5 9", engine=engine)
    assert {each["move"] for each in numbers(text)} <= {"E5", "D5"}


def test_an_analysis_goes_on_until_it_has_its_visits():
    session = Session(Searcher(Judge(), 300), Style(symmetries=1), size=5)
    engine, lines, said = Engine(session, "0"), queue.Queue(), queue.Queue()
    out = io.StringIO()
    out.write = said.put
    thread = threading.Thread(target=serve, args=(engine, iter(lines.get, None), out))
    thread.start()
    lines.put(b"kata-analyze b 1\n")
    while sum(int(each["visits"]) for each in numbers(said.get(timeout=20))) < 299:
        pass
    lines.put(b"quit\n")
    thread.join(20)
    assert not thread.is_alive()
    assert session.predictor.search.root.visits == 300


def test_a_finished_game_can_be_analysed():
    engine = Engine(Session(Searcher(Judge(), 10), Style(symmetries=1), size=5), "0")
    *_, (good, text) = talk("play b c3", "play w pass", "play b pass", "kata-analyze w", engine=engine)
    assert good
    assert text.startswith("info move ")


def test_time_and_batches():
    judge = Judge()
    assert Search(judge).run(Position(9), 1, 7.5, 80).visits == 80
    assert judge.calls < 25
    begun = time.monotonic()
    assert 1 <= Search(judge).run(Position(9), 1, 7.5, 10**5, seconds=0.1).visits < 10**5
    assert time.monotonic() - begun < 2


def test_shares_are_visits_and_zero_visits_are_the_policy():
    judge = Judge()
    shares = Searcher(judge, 30).probabilities(Position(5))
    assert shares.shape == (26,)
    assert shares.sum() == pytest.approx(1)
    assert searcher(judge, 0, "RUN") is judge
    with pytest.raises(UserError, match="--visits must lie"):
        searcher(judge, -1, "RUN")
    judge.judges = False
    with pytest.raises(UserError, match="does not judge"):
        searcher(judge, 10, "RUN")


def test_a_session_gives_the_search_its_share_of_the_clock():
    player = Searcher(Judge(), 20)
    session = Session(player, Style(symmetries=1), size=5)
    session.choose(1)
    assert player.seconds > 10**6
    for line, seconds in (("time_settings 301 30 5", 10), ("time_settings 0 31 5", 6), ("kgs-time_settings none", 1e7)):
        talk(line, engine=Engine(session, "0"))
        session.choose(1)
        assert player.seconds == pytest.approx(seconds, rel=0.1) or player.seconds > seconds > 10**6
    talk("time_left b 1 0", engine=Engine(session, "0"))
    assert session.choose(1) in range(26)
    assert player.seconds == 0


def test_moves_run_the_clock_down_and_a_new_board_sets_it_again():
    session = Session(Searcher(Judge(), 4), Style(symmetries=1), size=5)
    engine = Engine(session, "0")
    talk("time_settings 100 30 2", engine=engine)
    session.spend(1, 40.0)
    assert session.clock == {1: (60.0, 0), 2: (100, 0)}
    session.spend(1, 61.0)
    assert session.clock[1] == (30, 2)  # the main time is over
    session.spend(1, 10.0)
    assert session.clock[1] == (20.0, 1)
    session.spend(1, 5.0)
    assert session.clock[1] == (30, 2)  # two stones were played: the next period
    talk("genmove w", engine=engine)
    assert 90 < session.clock[2][0] < 100
    talk("time_left w 7 0", engine=engine)
    assert session.clock[2] == (7, 0)
    talk("clear_board", engine=engine)
    assert session.clock == {1: (100, 0), 2: (100, 0)}
    talk("time_settings 0 0 0", engine=engine)
    session.spend(1, 5.0)
    assert session.clock == {}

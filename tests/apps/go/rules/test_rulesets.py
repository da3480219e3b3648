"""Rules that one can choose: suicide, superko and territory in the board, in the count, over GTP and in matches."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.go.counting.count import Count, area_without, in_seki, score_by
from apps.go.rules.points import parse
from apps.go.rules.position import Position
from apps.go.rules.ruleset import NAMED, Ruleset, chosen, name_of
from apps.go.rules.ruleset import parse as parse_rules
from cnn_core.errors import UserError
from tests.helpers.go import new_engine, talk


def played(size, rules, *moves):
    position = Position(size).adopt(rules)
    for move in moves:
        colour, point = move.split()
        position.play(colour, parse(point, size))
    return position


CORNER = ("b b1", "w a2", "b b2", "w pass", "b a3")


def test_suicide_of_two_stones_is_a_rule():
    # White stands at a2; a1 makes two white stones without a liberty.
    forbidden = played(5, NAMED["chinese"], *CORNER)
    assert "suicide" in forbidden.why_illegal("w", 0)
    assert not forbidden.legal("w")[0]
    allowed = played(5, NAMED["tromp-taylor"], *CORNER)
    assert allowed.legal("w")[0]
    assert allowed.play("w", 0) == 0
    assert allowed.board[:2, 0].tolist() == [0, 0]
    assert allowed.captures == (2, 0)
    assert allowed.to_move == 1
    # The chains around have their liberties again, as in a board that is built anew.
    again = Position(5)
    again.setup(np.flatnonzero(allowed.board.reshape(-1) == 1).tolist(), [])
    assert np.array_equal(allowed.liberties(), again.liberties())
    allowed.undo()
    assert allowed.captures == (0, 0)
    assert allowed.board[1, 0] == 2


def test_a_single_stone_is_never_suicide():
    position = played(5, NAMED["new-zealand"], "b a2", "w pass", "b b1", "w pass", "b e5")
    assert "suicide" in position.why_illegal("w", 0)
    assert not position.legal("w")[0]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["chinese", "chinese-kgs", "aga", "tromp-taylor", "new-zealand"]), st.integers(0, 10**6))
def test_random_games_are_those_of_a_simple_board(name, seed):
    """An independent board of dictionaries and flood fills, boards kept whole: the same moves are legal."""
    rules, random, size = NAMED[name], np.random.default_rng(seed), 3
    position, board, colour = Position(size).adopt(rules), {}, 1
    seen = [(frozenset(), 1)]  # board, and who is next
    banned = None
    for _ in range(40):
        after = {p: _put(board, p, colour, size) for p in range(9) if p not in board}
        legal = []
        for p, (new, _, lost) in after.items():
            if (lost and not (rules.suicide and lost > 1)) or (p == banned):
                continue
            boards = [b for b, turn in seen if rules.ko == "positional" or turn == 3 - colour]
            if rules.ko != "simple" and frozenset(new.items()) in boards:
                continue
            legal.append(p)
        assert np.flatnonzero(position.legal(colour)).tolist() == legal
        assert [p for p in range(9) if not position.why_illegal(colour, p)] == legal
        if not legal or random.random() < 0.1:
            position.play(colour, 9)
            banned = None
        else:
            p = int(random.choice(legal))
            new, taken, lost = after[p]
            banned = taken[0] if len(taken) == 1 and _alone(new, p, size) else None
            board = new
            position.play(colour, p)
        assert {int(p): int(c) for p, c in enumerate(position.board.reshape(-1)) if c} == board
        colour = 3 - colour
        seen.append((frozenset(board.items()), colour))


def _near(p, size):
    row, column = divmod(p, size)
    places = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return [r * size + c for r, c in places if 0 <= r < size and 0 <= c < size]


def _chain(board, p, size):
    chain, stack, free = {p}, [p], set()
    while stack:
        for q in _near(stack.pop(), size):
            if q not in board:
                free.add(q)
            elif board[q] == board[p] and q not in chain:
                chain.add(q)
                stack.append(q)
    return chain, free


def _put(board, p, colour, size):
    new, taken = {**board, p: colour}, []
    for q in _near(p, size):
        if new.get(q) == 3 - colour:
            chain, free = _chain(new, q, size)
            if not free:
                taken += chain
                for stone in chain:
                    del new[stone]
    chain, free = _chain(new, p, size)
    if free:
        return new, taken, 0
    return {q: c for q, c in new.items() if q not in chain}, taken, len(chain)


def _alone(board, p, size):
    chain, free = _chain(board, p, size)
    return len(chain) == 1 and len(free) == 1


def test_superko_outlasts_passes_and_simple_ko_does_not():
    ko = ["b b1", "w c1", "b a2", "w d2", "b b3", "w c3", "b e5", "w b2", "b c2"]  # black takes b2
    for name, legal in (("chinese", True), ("chinese-kgs", False), ("aga", False)):
        position = played(5, NAMED[name], *ko, "w pass", "b pass")
        assert (position.why_illegal("w", parse("b2", 5)) == "") == legal
        assert position.legal("w")[parse("b2", 5)] == legal


def test_area_and_territory_of_a_small_game():
    """Black owns columns a and b, white c to e; one black stone is dead within white, one white was taken."""
    moves = [f"{c} {x}{y}" for y in range(1, 6) for c, x in (("b", "b"), ("w", "c"))]
    position = played(5, NAMED["japanese"], *moves, "b e3", "w pass")
    dead = [parse("e3", 5)]
    area = area_without(position, dead)
    found = Count(area, dead, in_seki(position, area))
    assert score_by(NAMED["chinese"], position, found, 0.5) == 10 - 15 - 0.5
    assert score_by(NAMED["japanese"], position, found, 0.5) == 5 - (10 + 1) - 0.5
    handicap = Position(9)
    handicap.setup([20, 24], [])
    empty = Count(np.zeros(81, np.int8), [], [])
    owed = {name: score_by(rules, handicap, empty, 0) for name, rules in NAMED.items()}
    assert (owed["chinese"], owed["aga"], owed["japanese"], owed["tromp-taylor"]) == (-2, -1, 0, 0)


def test_territory_in_seki_does_not_count():
    owner = np.zeros(25, np.int8)
    owner[:6] = 1
    position = Position(5)
    position.setup([1, 2, 5], [])
    assert score_by(NAMED["japanese"], position, Count(owner, [], []), 0) == 3
    assert score_by(NAMED["japanese"], position, Count(owner, [], [1, 2, 5]), 0) == 0


def test_rules_are_named_and_changed():
    assert parse_rules("Tromp_Taylor") == Ruleset(ko="positional", suicide=True)
    for rules in NAMED.values():
        assert parse_rules(rules.as_katago()) == rules
        assert NAMED[name_of(rules)] == rules
    assert parse_rules('{"ko":"SITUATIONAL"}', NAMED["japanese"]) == Ruleset("territory", "situational")
    for text in ("go", "{", "[]", '{"ko":"SPIGHT"}', '{"hasButton":true}', '{"tax":"ALL"}', '{"scoring":[1]}'):
        with pytest.raises(ValueError, match="rules"):
            parse_rules(text)
    with pytest.raises(UserError, match=r"--rules: unknown rules 'go'; there are chinese, "):
        chosen("go")


def test_rules_over_gtp():
    engine = new_engine(size=5)
    setup = [f"play {move}" for move in CORNER]
    found = talk(
        *setup,
        "is_legal w a1",
        "kata-set-rules tromp-taylor",
        "is_legal w a1",
        "play w a1",
        "undo",
        "kata-set-rule suicide false",
        "is_legal w a1",
        "kata-get-rules",
        "kgs-rules japanese",
        "kata-get-rules",
        "kgs-rules ing",
        "kata-set-rules nonsense",
        "kata-set-rules",
        'kata-set-rules {"suicide":true, "ko":"SITUATIONAL"}',
        "boardsize 7",
        "kata-get-rules",
        engine=engine,
    )[len(setup) :]
    assert [text for _, text in found[:6]] == ["0", "", "1", "", "", ""]
    assert found[6] == (True, "0")
    assert json.loads(found[7][1])["ko"] == "POSITIONAL"
    assert json.loads(found[9][1])["scoring"] == "TERRITORY"
    assert [good for good, _ in found[10:13]] == [False] * 3
    last = json.loads(found[-1][1])
    assert (last["suicide"], last["ko"], last["scoring"]) == (True, "SITUATIONAL", "TERRITORY")
    assert engine.session.position.suicide

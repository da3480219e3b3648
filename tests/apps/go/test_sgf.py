"""One meaning of every record: stored games and walked records agree, in any charset, whole or damaged."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgfmill import sgf_grammar

from apps.go.records import grammar, properties, sgf
from apps.go.records.additions import Additions, insert
from apps.go.records.charset import codec, mask, read_marks
from apps.go.records.games import parse
from apps.go.records.grammar import BadGame, read_trees
from apps.go.records.last_position import read
from apps.go.records.properties import komi
from apps.go.records.record import read_records
from apps.go.records.sgf import Game, read_lines, read_one, read_sgf
from apps.go.rules.encode import KIND, POINT, SETUP, WHITE_BIT, encode
from apps.go.rules.position import Position
from apps.go.verbs.annotate import AnnotateOptions, annotate
from cnn_core.errors import UserError
from tests.helpers.go_games import random_game, record


class Uniform:
    """Every legal move is as probable as any other."""

    def probabilities(self, position, colour=0, symmetries=1, komi=7.5):
        legal = np.append(position.legal(colour or position.to_move), True)
        return legal / legal.sum()


def final_board(game):
    """(size, size) of a stored game, by its entries."""
    position = Position(game.size)
    for entry in map(int, game.entries):
        colour, point = 2 if entry & WHITE_BIT else 1, entry & POINT
        if entry & KIND:
            board = position.board
            board.flat[point] = colour if entry & KIND == SETUP else 0
            position = Position(game.size)
            position.setup(*(np.flatnonzero(board == side).tolist() for side in (1, 2)))
        else:
            position.play(colour, point)
    return position.board


def both(data):
    """The first game of a file as the stored game, after checking that the walked record is the same."""
    data = data.encode() if isinstance(data, str) else data
    game, first = read_one(data), read_records(data)[0]
    end = first.before(None)
    moves = [(step.colour, step.point) for step in first.walk() if step.point is not None]
    stored = [(2 if e & WHITE_BIT else 1, e & POINT) for e in map(int, game.entries) if not e & KIND]
    assert (first.size, first.komi, moves) == (game.size, game.komi, stored)
    assert end.colour == end.position.to_move == game.next_colour
    assert (end.position.board == final_board(game)).all()
    return game


def moves_of(game):
    size = game.size
    return " ".join(
        f"{'BW'[(e & WHITE_BIT) > 0]}{'' if e & POINT == size * size else chr(97 + (e & POINT) % size)}"
        f"{'' if e & POINT == size * size else chr(97 + size - 1 - (e & POINT) // size)}"
        for e in map(int, game.entries)
        if not e & KIND
    )


@pytest.mark.parametrize(
    ("root", "komi"),
    [
        ("KM[375]", 7.5),
        ("KM[325]", 6.5),
        ("KM[275]", 5.5),
        ("KM[650]", 6.5),
        ("KM[700]", 7.0),
        ("KM[-650]", -6.5),
        ("KM[6,5]", 6.5),
        ("KM[ 6.5\n]", 6.5),
        ("KM[7.5 points]", 7.5),
        ("KM[+.5]", 0.5),
        ("KM[6.5][7.5]", 6.5),
        ("KM[6.5]KM[7.5]", 6.5),
        ("KoMi[5.5]", 5.5),
        ("KM[50]AP[foxwq]", 0.5),
        ("AP[foxwq:1]KM[375]", 7.5),
        ("AP[foxwq]KM[6.5]", 6.5),
        ("AP[CGoban:3]KM[50]", 50.0),
        ("KM[]", 0.0),
        ("KM[much]", 0.0),
        ("KM[nan]", 0.0),
        ("KM[9999]", 0.0),
        ("", 0.0),
    ],
)
def test_komi(root, komi):
    assert both(f"(;SZ[9]{root};B[ee])").komi == komi


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("(;SZ[9]PL[1]AB[ee])", 1),
        ("(;SZ[9]PL[2]AW[ee])", 2),
        ("(;SZ[9]AB[ee]PL[black])", 1),
        ("(;SZ[9]AB[ee]PL[B])", 1),
        ("(;SZ[9]AB[ee]PL[ b ])", 1),
        ("(;SZ[9]AB[ee]AW[dd]PL[white])", 2),
        ("(;SZ[9]AB[ee]AW[dd]PL[W])", 2),
        ("(;SZ[9]AB[ee]AW[dd]PL[?])", 1),
        ("(;SZ[9]PL[W];AB[ee][cc]AW[dd])", 2),
        ("(;SZ[9]PL[B];AB[ee][cc])", 1),
        ("(;SZ[9]AB[ee])", 2),
        ("(;SZ[9]AB[ee]AW[dd])", 1),
        ("(;SZ[9]AB[ee]AW[dd];AE[dd])", 2),
        ("(;SZ[9])", 1),
        ("(;SZ[9];B[ee])", 2),
        ("(;SZ[9];B[])", 2),
        ("(;SZ[9];B[ee];W[tt])", 1),
        ("(;SZ[9];B[cc];AW[gg]PL[B])", 1),
        ("(;SZ[9];B[cc];AB[gg])", 2),
        ("(;SZ[9];B[cc];W[dd];AW[gg])", 1),
        ("(;SZ[9]PL[W];B[cc])", 2),
        ("(;SZ[9]PL[W]B[cc])", 2),
        ("(;SZ[9];B[cc];PL[B])", 1),
    ],
)
def test_player_to_move(text, colour):
    assert both(text).next_colour == colour


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("(;SZ[9:9];B[ee])", "Bee"),
        ("(;SZ[ 9 ];B[ee])", "Bee"),
        ("(;SZ[]GM[]AB[]AW[];B[pd])", "Bpd"),
        ("(SZ[9]B[ee];W[ed])", "Bee Wed"),
        ("\n(FF[4]GM[1] SZ[9]PB[a] ;B[ee](W[ed];B[dd])(;W[aa]))", "Bee Wed Bdd"),
        ("(;SZ[9];B[ee]()(;W[ed]))", "Bee Wed"),
        ("(;SZ[9];B[ee](())(()(;W[ed]))(;W[aa]))", "Bee Wed"),
        ("(;SZ[9];B[ee];W[ed]", "Bee Wed"),
        ("(;SZ[9];B[ee](;W[ed]\n\x00\x00\x1a", "Bee Wed"),
        ("(;SZ[9];B[ee]W[ed];B[ec])", "Bee Wed Bec"),
        ("(;SZ[9];W[ee]B[ed];W[ec])", "Wee Bed Wec"),
        ("(;SZ[9];B[\ne e\r\n];W[e\\\nd])", "Bee Wed"),
        ("(;SZ[9];B[ee][aa];W[ed])", "Bee Wed"),
        ("(;SZ[9];Black[ee];White[ed])", "Bee Wed"),
        ("(;GaMe[1]SiZe[9]AddBlack[aa];White[ed])", "Wed"),
        ("(;SZ[9];;B[ee];C[];W[ed];)", "Bee Wed"),
        ("((;SZ[9];B[ee](;W[ed])))", "Bee Wed"),
        ("\ufeff(;SZ[9]CA[GBK]C[é];B[ee])", "Bee"),
        ("\ufeff(SZ[9]B[ee])", "Bee"),
    ],
)
def test_forms_of_records(text, moves):
    assert moves_of(both(text)) == moves


@pytest.mark.parametrize("value", ["aa:cc", "cc:aa", "ac:ca", "ca:ac", "a a :c\nc"])
def test_rectangles_from_any_corner(value):
    board = final_board(both(f"(;SZ[9]AB[{value}];W[hh])"))
    assert (board == 1).sum() == 9
    assert (board[6:, :3] == 1).all()


@pytest.mark.slow
def test_a_problem_is_read_but_nothing_to_learn_from(tmp_path):
    text = b"(;GM[1]SZ[9]AB[cc][dd]AW[ee]PL[W])"
    assert (both(text).move_count, both(text).next_colour) == (0, 2)
    position = read_records(text)[0].before(None).position
    assert (read(text) == encode(position, komi=0)).all()  # explain and visualize see what predict sees
    found, report = parse([("a.sgf", text), ("b.sgf", b"(;SZ[9];B[ee])")])
    assert (len(found), report.games, report.bad, report.reasons) == (1, 1, 1, {"no moves": 1})
    with pytest.raises(UserError, match="has no move 1; it has no moves"):
        read_records(text)[0].before(1)


# Second bytes 5C and 5D: a backslash and a bracket for who does not decode first.
CHARSETS = [
    ("Shift_JIS", "ソ表ゾ十"),
    ("x-sjis", "ソ表ゾ十"),
    ("GBK", "乗俓俔塡"),
    ("gb2312", "乗俓俔"),
    ("GB18030", "乗俓㐀塡"),
    ("Big5", "功許么"),
    ("big5-hkscs", "功許么"),
    ("iso-2022-jp", "ソ表"),
    ("EUC-JP", "ソ表"),
    ("EUC-KR", "바둑"),
    ("windows-1251", "Партия"),
    ("UTF-8", "ソ表ゾ十"),
]


def in_charset(name, text):
    python = {"x-sjis": "shift_jis", "gb2312": "gb18030", "windows-1251": "cp1251"}.get(name, name)
    return text.encode(python)


def charset_record(name, text):
    coded = in_charset(name, text)
    return b"(;GM[1]SZ[9]PB[" + coded + b"]CA[" + name.encode() + b"]C[" + coded + b"];B[ee]C[" + coded + b"];W[ed])"


@pytest.mark.parametrize(("name", "text"), CHARSETS)
def test_texts_are_decoded_before_tokens_are_cut(name, text):
    data = charset_record(name, text)
    assert moves_of(both(data)) == "Bee Wed"
    (tree,) = read_trees(read_marks(data))
    assert isinstance(tree, grammar.Tree)
    assert tree.root_text(b"PB") == tree.root_text(b"C") == text
    assert tree.values(tree.nodes[1], b"C") == [in_charset(name, text)]


def test_some_of_the_charsets_need_it():
    """Without the mask the bytes of these characters end values or eat their ends."""
    for name, text in CHARSETS[:7]:
        coded = in_charset(name, text)
        assert b"\\" in coded or b"]" in coded
        covered = mask(coded, codec(name))
        assert len(covered) == len(coded)
        assert not set(covered) & set(b"\\]")


def test_every_game_of_a_file_has_its_charset():
    data = b"\n".join(charset_record(name, text) for name, text in CHARSETS)
    latin = b"(;SZ[9]PB[Ren\xe9]C[no charset];B[aa])\n"
    records = read_records(latin + data + b" (;SZ[9]CA[no-such]PB[Ren\xe9];B[aa])")
    assert [r.tree.root_text(b"PB") for r in records] == ["René", *(text for _, text in CHARSETS), "René"]
    assert len(list(read_sgf(latin + data))) == 1 + len(CHARSETS)


@pytest.mark.parametrize("name", ["utf-16", "utf-7", "hex", "unicode_escape", "idna", "../../etc", "\x00", "cp037"])
def test_charsets_that_records_cannot_have_are_latin_1(name):
    assert codec(name) == "latin-1"
    assert moves_of(both(f"(;SZ[9]CA[{name}]C[+AF0-é];B[ee])".encode("latin-1"))) == "Bee"


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16(order):
    text = "\ufeff(;SZ[9]KM[375]PB[蒝孛]CA[GBK];B[ee];W[ed])"  # whose halves are the bytes of brackets
    data = text.encode(order)
    assert (moves_of(both(data)), both(data).komi) == ("Bee Wed", 7.5)
    assert read_records(data)[0].tree.root_text(b"PB") == "蒝孛"
    assert moves_of(both(data[:-2])) == "Bee Wed"
    assert moves_of(both(data + b"\x00")) == "Bee Wed"
    found = annotated(data)
    assert found.decode(order).startswith("\ufeff(;SZ[9]KM[375]PB[蒝孛]CA[GBK]LB[")
    assert moves_of(both(found)) == "Bee Wed"


@given(st.binary(max_size=80), st.sampled_from([b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"]))
def test_any_bytes_after_a_byte_order_mark(data, mark):
    source = read_marks(mark + data)
    assert (mark + data).startswith(source.encode(source.data))
    for game in read_sgf(mark + data + "(;SZ[9];B[ee])".encode("utf-16-le")):
        assert isinstance(game, Game) or str(game).isprintable()


def test_ranks_in_chinese_characters():
    text = "(;SZ[9]CA[GBK]BR[9段]WR[3级];B[aa])"
    assert both(text.encode("gbk")).ranks == both(text.replace("GBK", "UTF-8")).ranks == (9, -2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(;SZ[9];B[ee];W[pd])", "move 2 (W): 'pd' is not a point of a board of 9x9"),
        ("(;SZ[9]AB[aa:zz];W[pd])", "a set-up stone before move 1 (AB): 'zz' is not a point of a board of 9x9"),
        ("(;SZ[9];B[ee];W[ee])", "move 2 (W E5) is illegal: the point is occupied"),
        ("(;SZ[9]AB[aa]AW[ab][ba])", "set-up stones before move 1 leave a chain without liberties"),
        ("(;SZ[9];B[ee];AB[aa]AW[ab][ba])", "set-up stones before move 2 leave a chain without liberties"),
        ("(;SZ[9];B[ee] a comment ;W[ed])", "property with no values: a (node 2)"),
        ("(;SZ[9];B[ee]\x00;W[ed])", "unexpected text '\\x00' (node 2)"),
        ("(;SZ[9];B[ee]];W[ed])", "unexpected text ']' (node 2)"),
        ("(;SZ[9]C[a bracket] without its backslash];B[ee])", "property with no values: without (node 1)"),
        ("(;SZ[9];[ee])", "unexpected value without a property (node 2)"),
        ("(;SZ[9];B[ee][ed", "unexpected end of the file in a value (node 2)"),
        ("(;SZ[9];B[\x00\n])", "move 1 (B): '\\x00\\n' is not a point"),
        ("(;GM[a\nb];B[ee])", "GM[a b] is another game than Go"),
        ("(;SZ[9\x00];B[ee])", "board size 9? (sizes 2 to 19 can be read)"),
        ("(" * 3000 + ";SZ[9];B[ee]" + ")" * 3000, "more than 2000 variations within variations"),
        ("(;SZ[9]" + "(;C[]" * 3000 + ")" * 3001, "more than 2000 variations within variations"),
        ("(;SZ[9]" + ";" * 30_000 + ")", "more than 20000 nodes"),
        ("(;SZ[9]" + "AB[aa:ii]AE[aa:ii]" * 40 + ")", "more than 1875 stones set up in one node"),
        ("(;SZ[9]" + ";AB[aa:ii]AE[aa:ii]" * 40 + ")", "more than 5000 moves"),
        ("(;SZ[19]AB" + "[aa:ss]" * 1_000_000 + ")", "more than 1875 stones set up in one node"),
        ("(;SZ[19]" + "AB[aa]" * 1_000_000 + ")", "AB comes again too often"),
    ],
    ids=range(21),
)
def test_reasons_are_one_clear_line_in_both_readers(text, message):
    for reader in (read_one, lambda data: list(read_records(data)[0].walk())):
        with pytest.raises(UserError) as found:
            reader(text.encode())
        assert message in str(found.value)
        assert "\n" not in str(found.value)
        assert str(found.value).startswith("standard input: ")


def test_a_bad_game_hides_no_other():
    texts = ["(;SZ[9];B)", "(;SZ[9];B[ee])", "(;SZ[9];B[ee]x(;W[aa]))", "(;SZ[9]CA[GBK];W[ee])", "(;SZ[9];B[zz])"]
    found = [moves_of(game) if isinstance(game, Game) else "" for game in read_sgf("\n".join(texts).encode())]
    assert found == ["", "Bee", "", "Wee", ""]


def test_a_record_that_is_too_large_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sgf, "LARGEST", 20)
    path = tmp_path / "big.sgf"
    path.write_bytes(b"(;SZ[9];B[ee];W[ed])" + b" " * 9)
    for reader in (read_one, read_records):
        for source in (path, path.read_bytes()):
            with pytest.raises(UserError, match="too large for a game record"):
                reader(source)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["(", "( ", "(;", "(;)", "[", "(;C[", "(;C[\\", "(A[", "(;A", ";", "(;]", ")", "\x00", "(;SZ[9](;C[ee])", "A"],
)
def test_long_input_takes_no_more_than_linear_time(piece):
    data = (piece * (400_000 // len(piece))).encode()  # minutes for whatever reads the rest again at each step
    assert all(isinstance(game, BadGame) for game in read_sgf(b"(;SZ[9]" + data))
    assert all(isinstance(game, BadGame) for game in read_sgf(data))


def test_lines_are_read_with_the_same_rules():
    data = "\ufeff1\tSZ[9]KM[375];B[ee]W[ed]\n2\t(;SZ[9]AP[foxwq]KM[50];B[ee])\n3\tSZ[9]AB[ee]\n".encode()
    (_, one), (_, two), (_, three) = read_lines(data)
    assert (moves_of(one), one.komi, two.komi, str(three)) == ("Bee Wed", 7.5, 0.5, "no moves")


# What annotate changes


def annotated(data, least=0.0):
    records = read_records(data)
    additions = [Additions(first) for first in records]
    options = AnnotateOptions(run=Path(), input="", least=least)
    for first, new in zip(records, additions, strict=True):
        annotate(first, new, Uniform(), options)
    return insert(additions)


def is_subsequence(part, whole):
    rest = iter(whole)
    return all(byte in rest for byte in part)


ADDED = {b"C", b"LB", b"CR", b"TR", b"MA"}


def assert_only_added(old, new):
    """Both files have the same properties in the same order, but for comments that grow, labels and marks."""
    assert is_subsequence(old, new)
    for before, after in zip(read_records(old), read_records(new), strict=True):
        for node, changed in zip(before.tree.nodes, after.tree.nodes, strict=True):
            assert [name for name in node if name not in ADDED] == [name for name in changed if name not in ADDED]
            for name in node:
                values, grown = before.tree.values(node, name), after.tree.values(changed, name)
                if name == b"C":
                    assert grown[0].startswith(values[0])
                elif name in ADDED and values != [b""]:
                    assert grown[: len(values)] == values
                elif name not in ADDED:
                    assert grown == values


@pytest.mark.parametrize(
    "data",
    [
        b"(;GM[1]SZ[9]CA[UTF-8]C[\xff\xfe];B[ee];W[ed])",
        b"text [around (it)\r\n(;GM[1]\r\n SZ [9]  Comment[a\\]\\\\b];W[ed]  B[ee]\r\n;Black[aa]LB[cc:X]CR[]\r\n) (x",
        b"(SZ[9]B[ee]()(;W[ed]C[\n](;B[aa])(;B[bb]MA[cc:dd]C[mine]))",
        b"(;SZ[9];B[ee]TR[aa][dd:bb]XY[1][2]ab[x]SQ[ee];W[dd]C[]KO[]",
        *(charset_record(name, text) for name, text in CHARSETS),
        b"".join(charset_record(name, text) for name, text in CHARSETS),
    ],
    ids=[*range(4), *(name for name, _ in CHARSETS), "all"],
)
def test_annotate_changes_only_what_it_adds(data):
    new = annotated(data)
    assert_only_added(data, new)
    assert new.count(b"The network, ") == new.count(b" to play: ") > 0
    assert_only_added(new, annotated(new))  # and can be annotated again


def test_annotate_adds_where_it_should():
    text = "(;SZ[2]C[old];B[aa]TR[];W[]C[\\]];B[bb]MA[bb:bb]LB[ab:x]C[])"
    new = annotated(text.encode()).decode()
    assert new == (
        "(;SZ[2]C[old\nThe network, black to play: 1. A1 20.0%, 2. B1 20.0%, 3. A2 20.0%, 4. B2 20.0%, 5. pass 20.0%.]"
        "LB[ab:1][bb:2][aa:3][ba:4];"
        "B[aa]TR[aa]LB[ab:1][bb:2][ba:3]C[Black A2: the network prefers A1; this is its number 3 (20.0%).\n"
        "The network, white to play: 1. A1 25.0%, 2. B1 25.0%, 3. B2 25.0%, 4. pass 25.0%.];"
        "W[]C[\\]\nWhite pass: the network prefers A1; this is its number 4 (25.0%).\n"
        "The network, black to play: 1. A1 25.0%, 2. B1 25.0%, 3. B2 25.0%, 4. pass 25.0%.]LB[ab:1][bb:2][ba:3];"
        "B[bb]MA[bb:bb]LB[ab:x]C[Black B1: the network prefers A1; this is its number 2 (25.0%).])"
    )


# Random records


VALUES = st.text(st.sampled_from("ab:\\]\n ()[;é"), max_size=5).map(
    lambda text: text.replace("\\", "\\\\").replace("]", "\\]").encode()
)
MOVES = st.sampled_from([b"aa", b"bb", b"cc", b"ab", b"", b"tt", b"ba", b"ca"])
PROPERTIES = st.one_of(
    st.tuples(st.sampled_from([b"B", b"W", b"AB", b"AW", b"AE", b"Black"]), MOVES),
    st.tuples(st.sampled_from([b"C", b"N", b"PL", b"KM", b"ABc"]), VALUES),
    st.tuples(st.just(b"PL"), st.sampled_from([b"B", b"W", b"1", b"white"])),
).map(lambda pair: b"%s[%s]" % pair)
NODES = st.lists(PROPERTIES, max_size=3).map(lambda parts: b";" + b" ".join(parts))
SEQUENCES = st.lists(NODES, min_size=1, max_size=6).map(b"\n".join)
TREES = st.recursive(
    SEQUENCES.map(lambda text: b"(%s)" % text),
    lambda inner: st.tuples(SEQUENCES, st.lists(inner, max_size=3)).map(lambda t: b"(%s%s)" % (t[0], b"".join(t[1]))),
    max_leaves=8,
)
RECORDS = TREES.map(lambda text: b"(;SZ[3]%s" % text[1:])


@pytest.mark.slow
@settings(max_examples=300)
@given(RECORDS)
def test_the_grammar_is_sgfmills(data):
    (tree,) = read_trees(read_marks(data))
    assert isinstance(tree, grammar.Tree)
    found = [{name.decode(): tree.values(node, name) for name in node} for node in tree.nodes]
    expected = [dict(node) for node in sgf_grammar.main_sequence_iter(sgf_grammar.parse_sgf_game(data))]
    assert found == expected
    assert [list(node) for node in found] == [list(node) for node in expected]


@pytest.mark.slow
@settings(max_examples=300)
@given(RECORDS)
def test_stored_games_and_walked_records_agree(data):
    (stored,) = sgf._read(read_marks(data))
    try:
        (first,) = read_records(data)
        list(first.walk())
    except UserError as error:
        assert isinstance(stored, BadGame)
        assert str(error) == f"standard input: {stored}" or "illegal" in str(error)
        return
    assert isinstance(stored, Game)
    both(data)
    if len(stored.entries) and first.before(None).number > 1:
        assert_only_added(data, annotated(data))


@pytest.mark.slow
@settings(max_examples=100)
@given(RECORDS, st.data())
def test_repaired_records_are_the_same(data, draw):
    """A root without semicolon, an open end and empty variations change nothing."""
    whole = list(sgf._read(read_marks(data)))
    changed = b"(" + data[2:] if data[2:3].isalpha() else data
    while changed.endswith(b")") and draw.draw(st.booleans()):
        changed = changed[:-1]
    changed += b"()" if draw.draw(st.booleans()) and not changed.endswith(b")") else b""
    (repaired,) = sgf._read(read_marks(changed))
    if isinstance(whole[0], BadGame):
        assert str(repaired) == str(whole[0])
    else:
        assert repaired.entries.tolist() == whole[0].entries.tolist()
        assert (repaired.next_colour, repaired.komi) == (whole[0].next_colour, whole[0].komi)


def test_long_games_agree_with_their_moves():
    for seed in range(6):
        moves = random_game(9, seed, 60, passes=0.05)
        game = both(record(moves, root="KM[6.5]RE[W+2]"))
        assert [(2 if e & WHITE_BIT else 1, e & POINT) for e in map(int, game.entries)] == moves
        assert (game.komi, game.result) == (6.5, 2)


def test_results_and_unknown_ranks():
    assert [properties.result(text) for text in ("B+R", "w+3.5", "0", "Draw", "?", "")] == [1, 2, 3, 3, 0, 0]
    assert properties.rank("?") == properties.UNKNOWN_RANK


@pytest.mark.parametrize(
    ("text", "points"),
    [("6目半", 6.5), ("6目", 6.0), ("6.5 points", 6.5), ("1e9", 0.0), ("6.5x", 0.0), (" 7,5 ", 7.5), ("-5.5", -5.5)],
)
def test_komi_is_read_whole_or_not_at_all(text, points):
    assert komi(text) == points

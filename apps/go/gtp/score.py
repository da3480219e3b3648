"""GTP commands that judge a position: score, life and death, the network's probabilities, and the player's settings."""

from dataclasses import asdict
from typing import Any

import numpy as np

from apps.go.counting.count import blended, count, score_by
from apps.go.gtp.analysis import heat_map, number_board
from apps.go.gtp.protocol import SYNTAX, Refused, number, whole
from apps.go.gtp.session import Arguments, Session, exactly
from apps.go.play.player import Style
from apps.go.play.playouts import score_name
from apps.go.rules import points


def final_score(session: Session, arguments: Arguments) -> str:
    """The score by the session's rules, after the dead stones are taken off."""
    found = count(session.position, session.predictor, session.komi)
    return score_name(score_by(session.rules, session.position, found, session.komi))


def final_status_list(session: Session, arguments: Arguments) -> str:
    """The chains that are alive, dead, or alive in seki, one a line."""
    kind = exactly(arguments, 1)[0].lower()
    if kind not in ("alive", "dead", "seki"):
        raise Refused(SYNTAX)
    found = count(session.position, session.predictor, session.komi)
    dead, seki = set(found.dead), set(found.seki)
    stones = set(np.flatnonzero(session.position.board).tolist())
    left = {"alive": stones - dead - seki, "dead": dead, "seki": seki}[kind]
    lines = []
    while left:
        chain = session.position.chain(min(left))
        left -= set(chain)
        lines.append(" ".join(points.name(point, session.position.size) for point in chain))
    return "\n".join(lines)


def policy_probabilities(session: Session, arguments: Arguments) -> str:
    """A number for each point, as a board."""
    size = session.position.size
    return number_board(session.shares()[:-1].reshape(size, size))


def param(session: Session, arguments: Arguments) -> str:
    """Without arguments the player's settings as GoGui shows them; NAME VALUE changes one."""
    values: dict[str, Any] = asdict(session.style)
    if not arguments:
        return "\n".join(f"[string] {name} {value:g}" for name, value in values.items())
    name, text = exactly(arguments, 2)
    if name not in values:
        raise Refused(f"unknown parameter {name}")
    values[name] = whole(text, 1, 8) if name == "symmetries" else number(text)
    session.style = Style(**values)
    return ""


def policy_heatmap(session: Session, arguments: Arguments) -> str:
    """GoGui's drawing commands."""
    return heat_map(session.shares(), session.position.size)


def owners(session: Session, arguments: Arguments) -> str:
    """Ownership of each point, +1 black to -1 white, as a board."""
    return number_board(blended(session.position, session.predictor, session.komi))

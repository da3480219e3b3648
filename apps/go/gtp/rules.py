"""GTP commands that choose the rules: KataGo's, those of KGS's servers, and GoGui's."""

from apps.go.gtp.protocol import Refused
from apps.go.gtp.session import Arguments, Session, exactly
from apps.go.rules import ruleset
from apps.go.rules.ruleset import Ruleset

KGS = ("chinese", "japanese", "aga", "new_zealand")
"""What `kgs-rules` may say."""


def get_rules(session: Session, arguments: Arguments) -> str:
    """The rules as one line of JSON, with KataGo's names."""
    return session.rules.as_katago()


def set_rules(session: Session, arguments: Arguments) -> str:
    """A named set, or JSON that changes some of the rules; the game goes on."""
    try:
        return _adopt(session, ruleset.parse(" ".join(arguments), session.rules))
    except ValueError as error:
        raise Refused(str(error)) from error


def set_rule(session: Session, arguments: Arguments) -> str:
    """FIELD VALUE: one rule."""
    try:
        return _adopt(session, ruleset.changed(session.rules, *exactly(arguments, 2)))
    except ValueError as error:
        raise Refused(str(error)) from error


def kgs_rules(session: Session, arguments: Arguments) -> str:
    """One of the four sets of KGS; there superko is part of the Chinese rules, and is left to the server."""
    (name,) = exactly(arguments, 1)
    if name.lower() not in KGS:
        raise Refused(f"unknown rules {name[:60]!r}; KGS has {', '.join(KGS)}")
    return set_rules(session, (name,))


def _adopt(session: Session, rules: Ruleset) -> str:
    session.rules = rules
    session.position.adopt(rules)
    return ""

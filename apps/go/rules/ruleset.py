"""Rules of Go that one can choose: how the game is counted, ko, suicide, and what a handicap owes white.

The fields and the named sets are those of KataGo's GTP extension `kata-set-rules`, for controllers send either.
"""

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from cnn_core.errors import UserError


@dataclass(frozen=True)
class Ruleset:
    """One set of rules."""

    scoring: Literal["area", "territory"] = "area"
    """Area: living stones and territory. Territory: territory and prisoners, none of it in seki."""
    ko: Literal["simple", "positional", "situational"] = "simple"
    """Simple: a ko is not retaken at once. Positional: no board comes again. Situational: none with the same player to
    move."""
    suicide: bool = False
    """Whether a chain of two or more stones may be played without a liberty, and is taken off."""
    bonus: Literal["0", "N-1", "N"] = "0"
    """Points for white, of a handicap of N stones."""

    def owed(self, handicap: int) -> int:
        """Points that white gets for a handicap of so many stones; one stone is none."""
        return 0 if handicap < 2 else {"0": 0, "N-1": handicap - 1, "N": handicap}[self.bonus]

    def as_katago(self) -> str:
        """One line of JSON, as `kata-get-rules` gives it."""
        fields = {
            "hasButton": False,
            "ko": self.ko.upper(),
            "scoring": self.scoring.upper(),
            "suicide": self.suicide,
            "tax": self.tax,
            "whiteHandicapBonus": self.bonus,
        }
        return json.dumps(fields, separators=(",", ":"))

    @property
    def tax(self) -> str:
        """KataGo's name for territory that does not count: SEKI, or NONE."""
        return "SEKI" if self.scoring == "territory" else "NONE"


NAMED: dict[str, Ruleset] = {
    "chinese": Ruleset(bonus="N"),
    "chinese-ogs": Ruleset(ko="positional", bonus="N"),
    "chinese-kgs": Ruleset(ko="positional", bonus="N"),
    "japanese": Ruleset("territory"),
    "korean": Ruleset("territory"),
    "tromp-taylor": Ruleset(ko="positional", suicide=True),
    "aga": Ruleset(ko="situational", bonus="N-1"),
    "bga": Ruleset(ko="situational", bonus="N-1"),
    "french": Ruleset(ko="situational", bonus="N-1"),
    "new-zealand": Ruleset(ko="situational", suicide=True),
}
DEFAULT = NAMED["chinese"]
SGF = {"japanese": "Japanese", "korean": "Japanese", "aga": "AGA", "bga": "AGA", "french": "AGA", "new-zealand": "NZ"}


def name_of(rules: Ruleset) -> str:
    """The first name of a set, or its fields: "area scoring, positional ko, suicide"."""
    for name, known in NAMED.items():
        if known == rules:
            return name
    words = [f"{rules.scoring} scoring", f"{rules.ko} ko", "suicide" if rules.suicide else "no suicide"]
    return ", ".join([*words, f"bonus {rules.bonus}"])


def sgf_name(rules: Ruleset) -> str:
    """The value of RU in a record: a name of FF[4] where it has one."""
    name = name_of(rules)
    return SGF.get(name, name.capitalize() if name.startswith("chinese") else name)


def parse(text: str, before: Ruleset = DEFAULT) -> Ruleset:
    """A named set in any case, with - or _; or an object of JSON with KataGo's fields, which changes those of `before`.

    Raises ValueError in words for an unknown name, field or value.
    """
    text = text.strip()
    if not text.startswith("{"):
        name = re.sub("[_ ]", "-", text.lower())
        if name not in NAMED:
            raise ValueError(f"unknown rules {text[:60]!r}; there are {', '.join(NAMED)}")
        return NAMED[name]
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("rules in braces must be an object of JSON") from None
    rules = NAMED.get(str(fields.pop("rules", "")).lower(), before)
    tax = fields.pop("tax", None)
    for key, value in fields.items():
        rules = changed(rules, key, value)
    if tax is not None:
        rules = changed(rules, "tax", tax)
    return rules


def chosen(text: str) -> Ruleset:
    """The rules of the option `--rules`. Raises UserError for what `parse` does not know."""
    try:
        return parse(text)
    except ValueError as error:
        raise UserError(f"--rules: {error}") from error


def changed(rules: Ruleset, key: str, value: Any) -> Ruleset:
    """`rules` with one of KataGo's fields changed; a truth may be text. Raises ValueError for what is not offered."""
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    match key, text.lower():
        case "scoring", ("area" | "territory") as scoring:
            return replace(rules, scoring=scoring)
        case "ko" | "koRule", ("simple" | "positional" | "situational") as ko:
            return replace(rules, ko=ko)
        case (("suicide" | "multiStoneSuicideLegal"), ("true" | "false") as truth):
            return replace(rules, suicide=truth == "true")
        case "whiteHandicapBonus", ("0" | "n" | "n-1") as bonus:
            return replace(rules, bonus=bonus.upper())
        case "tax", name if name.upper() == rules.tax:
            return rules
        case ("hasButton", "false") | ("friendlyPassOk", "true" | "false"):
            return rules
    raise ValueError(f"rules with {key[:30]} {text[:30]} are not offered")


def describe(rules: Ruleset) -> dict[str, Any]:
    """The fields with their values and the name, for results.json."""
    return {"name": name_of(rules), **asdict(rules)}

"""networks: the ready-made networks of the app, which every verb takes as @NAME in the place of a run."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from cnn_core.app import App
from cnn_core.config import positional
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.networks import pretrained
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser


@dataclass(frozen=True, kw_only=True)
class NetworksOptions(Shared):
    """Options of networks."""

    network: positional(str) = ""  # type: ignore[valid-type]
    """Show the whole card of this one: @NAME."""
    name: str = ""
    """The same, as an option."""


parse = parser(NetworksOptions, "List the ready-made networks, or show one's card.")


def run(app: App, options: NetworksOptions) -> Outcome:
    """A table of the cards, or one card."""
    found = pretrained.cards(app.name)
    if options.network and options.name:
        raise UserError(f"name the network once: {options.network}, or --name {options.name}")
    wanted = options.network or options.name
    if wanted:
        name = wanted.removeprefix(pretrained.MARK)
        card = next((each for each in found if each.name == name), None)
        if card is None:
            known = ", ".join(pretrained.MARK + each.name for each in found) or "none"
            raise UserError(f"{wanted}: {app.prog} has no such network (known: {known})")
        unmeasured = {"threshold", "alarms_per_hour", "hit_rate", "heard"} if not card.heard else set[str]()
        if not card.winner_told:
            unmeasured |= {"winner_told", "winner_calibration_error", "margin_error", "owners_told"}
        rows = [[key.replace("_", " "), value] for key, value in asdict(card).items() if key not in unmeasured]
        return Outcome(asdict(card), table(["card", name], rows))
    if not found:
        return Outcome({"networks": []}, f"{app.prog} brings no ready-made networks; train one with `{app.prog} train`")
    return Outcome({"networks": [asdict(card) for card in found]}, _table(found))


def with_networks(app: App, listed: Outcome) -> Outcome:
    """What a verb lists, and below it the app's ready-made networks; the same where it has none."""
    found = pretrained.cards(app.name)
    if not found:
        return listed
    text = f"{listed.text}\n\n{_table(found)}"
    return replace(listed, data={**(listed.data or {}), "networks": [asdict(card) for card in found]}, text=text)


def _table(found: Sequence[pretrained.Card]) -> str:
    rows = [
        [
            f"{pretrained.MARK}{card.name}{' (default)' if card.default else ''}",
            card.title,
            f"{1 - card.accuracy:.2%} of {card.test_count:,}",
            f"{_size(card.name) / 1e6:.2f} MB",
            card.licence,
        ]
        for card in found
    ]
    return table(["ready-made network", "what it is", "errors on test data", "size", "licence"], rows)


def _size(name: str) -> int:
    return sum(path.stat().st_size for path in (pretrained.folder() / name).iterdir())

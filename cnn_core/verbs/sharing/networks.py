"""networks: the ready-made networks of the app, which every verb takes as @NAME in the place of a run."""

from dataclasses import asdict, dataclass

from cnn_core.app import App
from cnn_core.drawing.tables import table
from cnn_core.errors import UserError
from cnn_core.networks import pretrained
from cnn_core.outcome import Outcome
from cnn_core.verbs.common import Shared, parser


@dataclass(frozen=True, kw_only=True)
class NetworksOptions(Shared):
    """Options of networks."""

    name: str = ""
    """Show the whole card of this one."""


parse = parser(NetworksOptions, "List the ready-made networks, or show one's card.")


def run(app: App, options: NetworksOptions) -> Outcome:
    """A table of the cards, or one card."""
    found = pretrained.cards(app.name)
    if options.name:
        name = options.name.removeprefix(pretrained.MARK)
        card = next((each for each in found if each.name == name), None)
        if card is None:
            known = ", ".join(each.name for each in found) or "none"
            raise UserError(f"--name {options.name}: {app.prog} has no such network (known: {known})")
        rows = [[key.replace("_", " "), value] for key, value in asdict(card).items()]
        return Outcome(asdict(card), table(["card", name], rows))
    if not found:
        return Outcome({"networks": []}, f"{app.prog} brings no ready-made networks; train one with `{app.prog} train`")
    rows = [
        [
            f"{pretrained.MARK}{card.name}{' (default)' if card.default else ''}",
            card.title,
            f"{1 - card.accuracy:.2%} of {card.test_count}",
            f"{_size(card.name) / 1e6:.2f} MB",
            card.licence,
        ]
        for card in found
    ]
    text = table(["name", "what it is", "errors on test data", "size", "licence"], rows)
    return Outcome({"networks": [asdict(card) for card in found]}, text)


def _size(name: str) -> int:
    return sum(path.stat().st_size for path in (pretrained.folder() / name).iterdir())

"""The GTP engine: which commands there are, and an answer to every one of them."""

from collections.abc import Callable

from apps.go.gtp import controllers, game, handicap, rules, score
from apps.go.gtp.analysis import GOGUI, Request, by_network, by_search, candidates, info, read_request
from apps.go.gtp.protocol import Command, Refused
from apps.go.gtp.session import Arguments, Session
from apps.go.rules import points
from cnn_core.errors import UserError

COMMANDS: dict[str, Callable[[Session, Arguments], str]] = {
    "boardsize": game.boardsize,
    "clear_board": game.clear_board,
    "komi": game.set_komi,
    "get_komi": lambda session, arguments: f"{session.komi:g}",
    "play": game.play,
    "genmove": game.genmove,
    "reg_genmove": game.reg_genmove,
    "undo": game.undo,
    "is_legal": game.is_legal,
    "showboard": game.showboard,
    "loadsgf": game.loadsgf,
    "fixed_handicap": handicap.fixed_handicap,
    "place_free_handicap": handicap.place_free_handicap,
    "set_free_handicap": handicap.set_free_handicap,
    "time_settings": game.time_settings,
    "time_left": game.time_left,
    "final_score": score.final_score,
    "final_status_list": score.final_status_list,
    "kata-get-rules": rules.get_rules,
    "kata-set-rules": rules.set_rules,
    "kata-set-rule": rules.set_rule,
    "kgs-rules": rules.kgs_rules,
    "kgs-time_settings": controllers.kgs_time_settings,
    "kgs-genmove_cleanup": controllers.kgs_genmove_cleanup,
    "list_stones": controllers.list_stones,
    "countlib": controllers.countlib,
    "printsgf": controllers.printsgf,
    "cputime": controllers.cputime,
    "gogui-setup": controllers.gogui_setup,
    "gogui-setup_player": controllers.gogui_setup_player,
    "gogui-rules_game_id": controllers.rules_game_id,
    "gogui-rules_board": controllers.rules_board,
    "gogui-rules_board_size": controllers.rules_board_size,
    "gogui-rules_legal_moves": controllers.rules_legal_moves,
    "gogui-rules_side_to_move": controllers.rules_side_to_move,
    "gogui-rules_final_result": controllers.rules_final_result,
    "gogui-analyze_commands": lambda session, arguments: "\n".join(GOGUI),
    "gogui-play_sequence": game.play_sequence,
    "policy_heatmap": score.policy_heatmap,
    "policy_probabilities": score.policy_probabilities,
    "ownership": score.owners,
    "cnn-param": score.param,
}
ABOUT = ("protocol_version", "name", "version", "known_command", "list_commands", "quit")
ANALYSES = {
    prefix + name: (prefix != "lz-", name == "genmove_analyze")
    for prefix in ("", "lz-", "kata-")
    for name in ("analyze", "genmove_analyze")
}
"""Commands that give candidates: name -> (numbers are written as KataGo does, and a move is made)."""
CANDIDATES = 12
"""Moves of an analysis after which the network judges the position; the others have the winrate of the position."""
NAMES = (*ABOUT, *COMMANDS, *ANALYSES)


class Engine:
    """Answers commands on a session, whatever they are; `quitting` once it was told to end."""

    def __init__(self, session: Session, version: str):
        self.session, self.version = session, version
        self.quitting = False

    def answer(self, command: Command, stop: Callable[[], bool] = lambda: False) -> tuple[bool, str]:
        """(success, text) of a command; of an analysis what it says once, with a search after its interval at the
        latest, or once `stop` says so. Nothing is raised: the engine lives on.
        """
        try:
            return True, self._answer(command, stop)
        except (Refused, UserError) as error:
            return False, " ".join(str(error).split())
        except Exception as error:  # whatever it is: an engine must not leave its game
            return False, f"internal error: {type(error).__name__}: {' '.join(str(error).split())}"

    def interval(self, command: Command) -> float | None:
        """Seconds after which the answer of an analysis that was begun is said again; None for other commands."""
        if command.name not in ANALYSES or ANALYSES[command.name][1]:
            return None
        return self._request(command).interval

    def grows(self) -> bool:
        """Whether an analysis that was begun has more to say when it is asked again: a search is not at its end."""
        return self.session.grows()

    def _answer(self, command: Command, stop: Callable[[], bool]) -> str:
        match command.name:
            case "protocol_version":
                return "2"
            case "name":
                return "cnn-go"
            case "version":
                return self.version
            case "known_command":
                return "true" if command.arguments[:1] and command.arguments[0] in NAMES else "false"
            case "list_commands":
                return "\n".join(NAMES)
            case "quit":
                self.quitting = True
                return ""
            case name if name in ANALYSES:
                return self._analyse(command, stop)
            case name if name in COMMANDS:
                return COMMANDS[name](self.session, command.arguments)
        raise Refused("unknown command")

    def _request(self, command: Command) -> Request:
        position = self.session.position
        return read_request(command.arguments, position.size, position.to_move)

    def _analyse(self, command: Command, stop: Callable[[], bool]) -> str:
        kata, moves = ANALYSES[command.name]
        request, session = self._request(command), self.session
        colour, size = request.colour, session.position.size
        point = session.choose(colour, allowed=request.allowed) if moves else size * size
        root = session.searched(colour, request.allowed, 0.0 if moves else request.interval, stop)
        if root is None or root.found is None:
            found = session.evaluate(colour)
            after = session.evaluate_after(colour, candidates(found.policy, request)[:CANDIDATES])
            named = by_network(found, after, request)
        else:
            found = root.found
            named = by_search(root, request) or by_network(found, {}, request)  # the game may be over
        text = info(named, found, size, request, kata)
        if not moves:
            return text
        session.play(colour, point)
        return f"\n{text}\nplay {points.name(point, size)}"

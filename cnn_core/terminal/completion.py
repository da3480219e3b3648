"""Shell completion of a command with verbs, for bash, and for zsh through its bashcompinit.

The script that tyro prints for one parser takes the command's name for itself, so that of several verbs only the last
one sourced would be completed.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout

Parse = Callable[[Sequence[str]], object]


def script(prog: str, verbs: Mapping[str, Parse]) -> str:
    """A script to source, which completes verbs, then each verb's options and file names.

    `verbs` maps a verb to the function that parses its arguments: its --help names the options.
    """
    function = f"_{prog.replace('-', '_')}"
    cases = [f'    {verb}) options="{" ".join(_options(parse))}" ;;' for verb, parse in verbs.items()]
    return "\n".join(
        [
            f"# Completion of {prog} for bash; in zsh first: autoload -U bashcompinit && bashcompinit",
            f"{function}() {{",
            '  local current="${COMP_WORDS[COMP_CWORD]}" options=""',
            '  if [ "$COMP_CWORD" -eq 1 ]; then',
            f'    COMPREPLY=($(compgen -W "{" ".join(verbs)} --help --version" -- "$current"))',
            "    return",
            "  fi",
            '  case "${COMP_WORDS[1]}" in',
            *cases,
            "  esac",
            '  case "$current" in',
            '    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;',
            '    *) COMPREPLY=($(compgen -f -- "$current")) ;;',
            "  esac",
            "}",
            f"complete -o filenames -F {function} {prog}",
        ]
    )


def _options(parse: Parse) -> list[str]:
    text = io.StringIO()
    try:
        with redirect_stdout(text):
            parse(["--help"])
    except SystemExit:
        pass
    # At the start of a line of the help, in a box or not; the rest of it may mention other options.
    found = re.findall(r"^[\s│|]*(?:-\w,\s*)?(--[a-z0-9][a-z0-9.-]*)", text.getvalue(), re.MULTILINE)
    return sorted(set(found))

"""The one exception that means "the user can mend this", and the check that raises it most often."""


class UserError(Exception):
    """A mistake that the user can mend: bad file, bad option, no network, no space.

    Its message is one clear line that names the file or option and says what to do; a quoted message of a library's
    that has several is joined. The command line prints it on standard error and ends with exit status 2.
    """

    def __init__(self, message: str = ""):
        super().__init__(" ".join(message.splitlines()) if "\n" in message or "\r" in message else message)


def first_line(error: BaseException, longest: int = 200) -> str:
    """The first line of an exception's message, or its type where it has none, for quoting in a message of ours."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:longest]


def check_range(name: str, value: float, low: float, high: float | None = None, exclusive: bool = False) -> None:
    """Raise UserError unless `value` lies between `low` and `high`; with `exclusive` it must be above `low`."""
    fits = (value > low if exclusive else value >= low) and (high is None or value <= high)
    if not fits:
        bounds = f"above {low:g}" if exclusive else f"at least {low:g}"
        raise UserError(f"{name} must be {bounds}{'' if high is None else f' and at most {high:g}'}, not {value:g}")

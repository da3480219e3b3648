"""The one exception that means "the user can mend this"."""


class UserError(Exception):
    """A mistake of the user's: bad file, bad option, no network, no space.

    Its message is one clear line that names the file or option and says what to do.
    The command line prints it on standard error and ends with exit status 2.
    """

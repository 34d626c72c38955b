"""The one exception that a user is meant to read."""


class InpaintxError(Exception):
    """Something the user can put right.

    The message is one line that says what is wrong, where, and what to do; the CLI prints it as it is.
    """

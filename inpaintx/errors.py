"""The exceptions that a user is meant to read."""


def shown(text: object) -> str:
    """Text that holds names of files, on one line: control characters and stray bytes are escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in str(text)
    )


class InpaintxError(Exception):
    """Something the user can put right.

    The message is one line that says what is wrong, where, and what to do; the CLI prints it as it is.
    """

    def __init__(self, message: str) -> None:
        super().__init__(shown(message))


class NothingToFill(InpaintxError):
    """A mask that hides nothing: the picture is not damaged."""

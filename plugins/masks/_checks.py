"""Checks of option values that several masks share."""


def check_share(option: str, value: float) -> None:
    """Raises ValueError unless 0 < value < 1."""
    if not 0 < value < 1:
        raise ValueError(f"option {option!r} must be more than 0 and less than 1, is {value}")


def check_step(value: int) -> None:
    """Raises ValueError unless the step is 2 or more: 1 would hide everything, or nothing."""
    if value < 2:
        raise ValueError(f"option 'step' must be 2 or more, is {value}")

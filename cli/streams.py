"""stdin, stdout and stderr, whatever the caller made of them: closed, full, or a pipe that nobody reads."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TextIO

import click

from inpaintx.errors import InpaintxError


def guard() -> None:
    """Makes the three streams safe to use; called once, when the program starts.

    One that is closed leads nowhere: otherwise the next file that is opened would get its number, and what a
    library says would be written into a picture. stderr never fails, since what it would say stops no work;
    stdout fails once, in one line, and is silent from then on.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 (open as long as the process lives)
    if sys.stdout is sys.__stdout__:  # and none that a test or a notebook has put in its place
        sys.stdout = _text(_Stdout(1, "w", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Stderr(2, "w", closefd=False), sys.stderr)


def tell(lines: Iterable[str]) -> None:
    """Prints lines on stdout, of work that is done: a reader that has gone away is no failure of it."""
    with suppress(BrokenPipeError):
        for line in lines:
            click.echo(line)


class _Stderr(io.FileIO):
    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Writes, or drops what can't be written."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


class _Stdout(io.FileIO):
    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Writes; where that fails, what waits to be written at the program's end goes nowhere."""
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if isinstance(error, BrokenPipeError):
                raise
            raise InpaintxError(f"can't write to stdout: {error.strerror}; send it elsewhere") from error


def _text(raw: io.FileIO, like: TextIO | None) -> TextIO:
    encoding, errors = ("utf-8", "backslashreplace") if like is None else (like.encoding, like.errors)
    by_lines = raw.isatty() or isinstance(raw, _Stderr)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=by_lines)

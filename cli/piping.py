"""``-``: one picture from stdin, and its result to stdout."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from inpaintx.errors import InpaintxError

STREAM = Path("-")
#: Flags that go with files only: what they write names its pictures, or they look at several.
_WITH_FILES = ("watch", "ray", "skip_done", "manifest", "metrics")


@dataclass(frozen=True)
class Pipes:
    """Files that stand for the streams.

    Attributes:
        inputs: what is read.
        out: the folder of the results.
        folder: holds those of the files that stand for a stream; None: none does.
        to_stdout: the result goes to stdout, and nothing else may.
    """

    inputs: tuple[Path, ...]
    out: Path
    folder: Path | None = None
    to_stdout: bool = False

    def named(self, text: object) -> str:
        """A text in which the streams have their own names."""
        if self.folder is None:
            return str(text)
        return (
            str(text).replace(str(self.folder / "stdin"), "stdin").replace(str(self.folder / "out"), "stdout")
        )


@contextmanager
def piped(inputs: tuple[Path, ...], out: Path, values: Mapping[str, Any]) -> Iterator[Pipes]:
    """Takes what is asked for as it is, or, where a stream is, with files in its place for the block.

    When the block ends well, the result is written to stdout, if it is asked for there.

    Raises:
        click.UsageError: the streams can't be meant so.
        InpaintxError: stdin holds nothing, stdout can't be written.
    """
    _check(inputs, out, values)
    if STREAM not in (*inputs, out):
        yield Pipes(inputs, out)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        read, written = folder / "stdin", folder / "out"
        if STREAM in inputs:
            read.write_bytes(_all_of_stdin())
        pipes = Pipes(
            (read,) if STREAM in inputs else inputs, written if out == STREAM else out, folder, out == STREAM
        )
        try:
            yield pipes
        except InpaintxError as error:
            raise InpaintxError(pipes.named(error)) from error
        if pipes.to_stdout:
            _write(path for path in written.rglob("*") if path.is_file())


def _check(inputs: tuple[Path, ...], out: Path, values: Mapping[str, Any]) -> None:
    if values["mask"] == STREAM:
        raise click.UsageError("--mask can't be -: stdin is for the picture; give a file")
    if STREAM in (*inputs, out):
        for name in _WITH_FILES:
            if values[name]:
                raise click.UsageError(f"--{name.replace('_', '-')} goes with files, not with -")
    if STREAM in inputs:
        if len(inputs) > 1:
            raise click.UsageError("- is one picture, from stdin; give no other input beside it")
        if sys.stdin.isatty():
            raise click.UsageError("stdin is a terminal; send a picture to it: … - < picture.png")
    if out == STREAM:
        if len(inputs) > 1 or inputs[0].is_dir():
            raise click.UsageError("--out - takes the result of one picture; give a folder to --out")
        if values["as_json"] or values["dry_run"]:
            raise click.UsageError("stdout is for the picture: leave out --json and --dry-run, or --out -")
        if sys.stdout.isatty():
            raise click.UsageError("stdout is a terminal; send the picture to a file: --out - > result.png")


def _all_of_stdin() -> bytes:
    data = sys.stdin.buffer.read()
    if not data:
        raise InpaintxError("stdin is empty; send a picture to it: … - < picture.png")
    return data


def _write(results: Iterator[Path]) -> None:
    """The result, if there is one: of an undamaged picture that is left out there is none."""
    for path in results:
        try:
            sys.stdout.buffer.write(path.read_bytes())
            sys.stdout.buffer.flush()
        except OSError as error:
            raise InpaintxError(
                f"can't write the picture to stdout: {error.strerror}; send it to a file"
            ) from error

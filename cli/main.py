"""``inpaintx``: the group of commands, and how their errors end."""

import os
import signal
import traceback
import warnings
from importlib import import_module
from threading import Event
from typing import Any

import click

from inpaintx import InpaintxError, __version__
from inpaintx_cli.start import loading
from inpaintx_cli.streams import guard

# Name: module and what `inpaintx --help` says of it. The modules load torch, so help must not load them.
COMMANDS = {
    "make-chars": ("inpaintx_cli.make_chars", "Render a collection of letters from fonts."),
    "train": ("inpaintx_cli.train", "Train a model on a folder of pictures."),
    "generate": ("inpaintx_cli.generate", "Draw pictures from a model."),
    "detect": ("inpaintx_cli.detect", "Find what looks damaged, as masks to look at."),
    "complete": ("inpaintx_cli.complete", "Fill the holes of damaged pictures."),
    "gallery": ("inpaintx_cli.gallery", "Write pages to look through completed pictures."),
    "eval": ("inpaintx_cli.eval", "Judge a model's fill on pictures it never saw."),
    "check": ("inpaintx_cli.check", "Say what is wrong: the pictures, the model or the search."),
    "ui": ("inpaintx_cli.ui", "Open a page on which holes are painted and filled."),
    "serve": ("inpaintx_cli.serve", "Complete pictures that come over HTTP."),
    "export": ("inpaintx_cli.export", "Write a small checkpoint, for completion only."),
    "models": ("inpaintx_cli.models", "List models and runs: what each is, and what it scored."),
    "plugins": ("inpaintx_cli.plugins", "Show the masks and blends there are, and their options."),
    "completion": ("inpaintx_cli.completion", "Print a script that completes commands in the shell."),
    "info": ("inpaintx_cli.info", "Show versions, native code, devices, models and plugins."),
}

_interrupted = Event()  # by a signal
_EPILOG = """\b
Exit codes:
  0    done
  1    failed; one line on stderr says what to do
  2    wrong usage
  3    some pictures failed, the others are done
  130  interrupted, by Ctrl-C or SIGTERM; training is saved
"""


class _Failure(click.ClickException):
    """What ends a command; red on a terminal."""

    def show(self, file: Any = None) -> None:
        click.echo(
            f"{click.style('Error:', fg='red', bold=True)} {self.format_message()}",
            err=True,
            color=self.show_color,
        )


class CommandTable(click.Group):
    """A group that imports a command when it is called, and ends its errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command; None where there is no such one."""
        if cmd_name not in COMMANDS:
            return None
        with loading():
            command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help's list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command, and ends its errors in one line."""
        _interrupted.clear()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click's own to end
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)
        except Exception as error:
            if _interrupted.is_set():  # what was being loaded made another error of it
                click.echo("Interrupted.", err=True)
                ctx.exit(130)
            if ctx.params["debug"]:
                traceback.print_exc()
            raise _Failure(_in_one_line(error, ctx.params["debug"])) from error


@click.group(cls=CommandTable, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("--debug", is_flag=True, envvar="INPAINTX_DEBUG", show_envvar=True, help="Show tracebacks.")
def cli(debug: bool) -> None:
    """Repair damaged pictures with a DCGAN trained on your own collection."""
    if os.environ.get("NO_COLOR"):  # else colours on terminals only, by click
        click.get_current_context().color = False


def main() -> None:
    """Runs the command line and exits."""
    guard()
    warnings.showwarning = _show_warning
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)  # ends like Ctrl-C
    cli(prog_name="inpaintx")


def _interrupt(*_: object) -> None:
    _interrupted.set()
    raise KeyboardInterrupt


def _in_one_line(error: Exception, debug: bool) -> str:
    if isinstance(error, InpaintxError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    else:
        text = f"{type(error).__name__}: {error}" + ("" if debug else "; run with --debug for the traceback")
    return " ".join(text.split())


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """A warning in one line, without the place in the source that Python names."""
    click.echo(f"{click.style('Warning:', fg='yellow')} {' '.join(str(message).split())}", err=True)

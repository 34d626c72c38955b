"""``inpaintx completion``: what a shell needs to complete the command line."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print a script for SHELL that completes commands, options, plugins, their options and models.

    In bash, put `eval "$(inpaintx completion bash)"` into ~/.bashrc, in zsh the same with zsh into ~/.zshrc;
    in fish, write the script to ~/.config/fish/completions/inpaintx.fish.
    """
    root = click.get_current_context().find_root()
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(root.command, {}, "inpaintx", "_INPAINTX_COMPLETE").source())

"""What the shell offers where a plugin, an option of one or a model is to be named; loads no torch."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from inpaintx.errors import InpaintxError
from inpaintx.networks.finding import FILE_NAME, shipped_models
from inpaintx.plugins import registry
from inpaintx.plugins.options import Option, as_text, options_of
from inpaintx.plugins.registry import Kind

RUNS = Path("runs")  # where runs are looked for, besides the current folder
DEFAULT_BLEND = "auto"
OF_FLAGS: dict[Kind, str] = {"mask": "mask_plugin", "blend": "blend"}


def masks(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of masks; none is imported for it."""
    return _starting(typed, _offered("mask"))


def blends(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of blends; none is imported for it."""
    return _starting(typed, _offered("blend"))


def plugins(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of masks and blends."""
    return _starting(typed, sorted({*_offered("mask"), *_offered("blend")}))


def models(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of the shipped models, runs in this folder and in ``runs``; files, where none begins so."""
    runs = [str(found.parent) for place in (Path(), RUNS) for found in sorted(place.glob(f"*/{FILE_NAME}"))]
    return _starting(typed, [*shipped_models(), *runs]) or [CompletionItem(typed, type="file")]


def settings(ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Options of the mask and the blend named before, with each value they can have, or the default."""
    items = []
    for kind, option in named_options(ctx):
        values = map(as_text, option.choices or [option.default])
        items += [CompletionItem(f"{kind}.{option.name}={value}", help=option.help) for value in values]
    return [item for item in items if item.value.startswith(typed)]


def named_options(ctx: click.Context) -> list[tuple[Kind, Option]]:
    """The options of the plugins that a command's flags name so far, each with its plugin's kind."""
    found = []
    for kind, flag in OF_FLAGS.items():
        if name := ctx.params.get(flag):
            try:
                found += [(kind, option) for option in options_of(registry.get(kind, name))]
            except InpaintxError:
                continue  # to be said when the command runs
    return found


# Eager: taken in the order of the command line, so that --help and what comes after know those before.
mask_plugin_option = click.option(
    "--mask-plugin",
    is_eager=True,
    shell_complete=masks,
    help="Or a mask made by a plugin; `inpaintx plugins list` names them, --help after it says its options.",
)
blend_option = click.option(
    "--blend",
    default=DEFAULT_BLEND,
    show_default=True,
    is_eager=True,
    shell_complete=blends,
    help="How the fill joins the known pixels.",
)
settings_option = click.option(
    "-o",
    "settings",
    multiple=True,
    metavar="PART.OPTION=VALUE",
    shell_complete=settings,
    help="Plugin option: mask.size=0.4, blend.width=5.",
)


class CommandOfPlugins(click.Command):
    """A command whose help shows the options of the plugins that are named before ``--help``."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options, then the plugins'."""
        super().format_options(ctx, formatter)
        for kind, flag in OF_FLAGS.items():
            rows = [
                (f"-o {kind}.{option.name}={as_text(option.default)}", f"{option.help} ({option.takes})")
                for of_kind, option in named_options(ctx)
                if of_kind == kind
            ]
            if rows:
                with formatter.section(f"Options of the {kind} {ctx.params[flag]}, with their defaults"):
                    formatter.write_dl(rows)


def _offered(kind: Kind) -> list[str]:
    return sorted({entry.name for entry in entry_points(group=registry.GROUPS[kind])})


def _starting(typed: str, names: list[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(typed)]

"""``inpaintx complete``: fill the holes of pictures."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inpaintx.completion.plan import FolderRequest, plan_folder
from inpaintx.errors import InpaintxError
from inpaintx.options import PRESETS, SearchOptions
from inpaintx_cli import summary
from inpaintx_cli.choices import CommandOfPlugins
from inpaintx_cli.complete_options import EXTRAS, complete_options, folder_request
from inpaintx_cli.gallery import check, show
from inpaintx_cli.options import given, mask_and_blend
from inpaintx_cli.piping import Pipes, piped
from inpaintx_cli.results import metrics_writer
from inpaintx_cli.start import loading
from inpaintx_cli.streams import tell

if TYPE_CHECKING:
    from inpaintx.completion import Completer, FolderReport
    from inpaintx.completion.plan import FolderPlan
    from inpaintx.completion.report import Listeners
    from inpaintx.completion.showcase import Showcase

    Work = Callable[[Showcase, Listeners, FolderReport], None]


@click.command(cls=CommandOfPlugins)
@complete_options
def command(inputs: tuple[Path, ...], out: Path, **values: Any) -> None:
    """Complete pictures: INPUTS are files or folders. Known pixels stay as they are, bit for bit.

    The hole comes from --mask (your own masks), from --mask-plugin, or, with neither, from the pictures'
    alpha channel. Results go to --out under the pictures' names. As the only input, - is a picture from
    stdin; --out - sends the only result to stdout.
    """
    with piped(inputs, out, values) as pipes:
        code = _complete(pipes, values)
    click.get_current_context().exit(code)


def _complete(pipes: Pipes, values: dict[str, Any]) -> int:
    """Does what is asked for; gives the exit code."""
    with loading():
        from inpaintx.completion.cluster import complete_on_cluster
        from inpaintx.completion.connection import Cluster
        from inpaintx.completion.folder import complete_plan
        from inpaintx.completion.parts import Recipe
        from inpaintx.completion.watching import watch_folder
        from inpaintx.networks import checkpoint
        from inpaintx.networks.devices import pick_device

    on_cluster = values["ray"] is not None and not values["dry_run"]
    device = values["device"] if on_cluster else pick_device(values["device"])
    base = PRESETS[values["preset"]] if values["preset"] else SearchOptions()
    options = replace(base, **given(SearchOptions, values))
    mask, blend = mask_and_blend(values)
    model = checkpoint.find(values["model"])
    request = folder_request(pipes.inputs, pipes.out, mask, options.seed, values)
    if pipes.folder is not None:
        request = replace(request, manifest=None)
    plan = None if values["watch"] else plan_folder(request, model)
    if plan is not None:
        check(values["gallery"], plan)
    recipe = Recipe(model, device, blend, options, values["fill"], values["region"])
    run = _FolderRun(request, pipes, values)
    if plan is not None and on_cluster:
        cluster = Cluster(values["ray"], values["ray_workers"])
        return run.complete(plan, lambda _, *told: complete_on_cluster(cluster, recipe, plan, *told))
    completer = recipe.completer()
    if plan is None:
        return run.watch(lambda *told: watch_folder(completer, request, *told))
    if values["dry_run"]:
        return _preview(completer, plan, values["as_json"])
    return run.complete(plan, lambda *told: complete_plan(completer, plan, *told))


class _FolderRun:
    """Shows how far a run is and what fails, and sums it up."""

    def __init__(self, request: FolderRequest, pipes: Pipes, values: dict[str, Any]) -> None:
        from inpaintx.completion import FolderReport
        from inpaintx.completion.showcase import Showcase

        self._request, self._pipes, self._values = request, pipes, values
        self._showcase = Showcase(request.sheet, request.gif, request.uncertainty is not None)
        self._report = FolderReport()
        self._debug = click.get_current_context().find_root().params["debug"]

    def complete(self, plan: FolderPlan, work: Work) -> int:
        """Runs through a plan; gives the exit code."""
        total = len(plan.targets) + len(plan.kept)
        try:
            self._work(work, total)
        except KeyboardInterrupt:
            go_on = "" if self._pipes.folder else "; go on with --skip-done"
            click.echo(self._pipes.named(self._report.summary(self._request, total)) + go_on, err=True)
            raise
        show(self._values["gallery"], plan)
        return self._end()

    def watch(self, work: Work) -> int:
        """Goes on until it is interrupted, which is how it ends well; gives the exit code."""
        with suppress(KeyboardInterrupt):
            self._work(work, None)
        return self._end()

    def _work(self, work: Work, total: int | None) -> None:
        from tqdm import tqdm

        from inpaintx.completion.report import Listeners

        with (
            metrics_writer(self._values["metrics"], self._request.skip_done) as note,
            tqdm(total=total, desc="completing", unit="picture", disable=None) as bar,
        ):

            def progress(settled: int) -> None:
                bar.update(settled - bar.n)

            work(self._showcase, Listeners(progress, note, self._fail), self._report)

    def _fail(self, path: Path, error: InpaintxError) -> None:
        from tqdm import tqdm

        if self._debug:
            traceback.print_exception(error)
        with suppress(OSError, ValueError):  # full or closed: that stops no picture
            # above the progress bar, if there is one
            tqdm.write(f"Error: {self._pipes.named(error)}", file=sys.stderr)

    def _end(self) -> int:
        self._showcase.write()
        report, named = self._report, self._pipes.named
        warning = summary.warning(report)
        if warning:
            click.echo(named(warning), err=True)
        extras = {name: self._values[name] for name in EXTRAS if self._values[name]}
        if self._values["as_json"]:
            tell([named(summary.as_json(report, self._request))])
        elif self._pipes.to_stdout:
            for line in summary.in_words(report, self._request, extras):
                click.echo(named(line), err=True)
        else:
            tell(map(named, summary.in_words(report, self._request, extras)))
        return summary.exit_code(report)


def _preview(completer: Completer, plan: FolderPlan, as_json: bool) -> int:
    """Says what would be done; gives the exit code that doing it would have."""
    from inpaintx.completion.dryrun import preview, preview_report

    seen = []
    for each in preview(completer, plan):
        seen.append(each)
        if not as_json:
            tell([str(each)])
    report = preview_report(seen, plan)
    if as_json:
        told = {"left_out": plan.left_out, "pictures": [each.in_plain_values() for each in seen]}
        tell([json.dumps(told)])
    else:
        tell([f"nothing is written; it would be: {report.summary(plan.request)}"])
    return summary.exit_code(report)

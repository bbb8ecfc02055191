"""The command ``hil soak``: a campaign with its progress, what failed and how to see it again, and a summary."""

import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hil.soak.campaign import Outcome, Summary, keep, soak

# As for all of `hil`.
BAD_INPUT = 2

SEEDS_MAX = 1_000_000


class SeedRange(click.ParamType):
    """Seeds, as ``A..B`` with both ends, or one alone."""

    name = "A..B"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> range:
        """See `click.ParamType`."""
        if isinstance(value, range):
            return value
        first, _, last = str(value).partition("..")
        if not first.isdecimal() or not (last or first).isdecimal():
            self.fail(f"expected seeds as A..B, such as 0..99, found {value!r}", param, ctx)
        seeds = range(int(first), int(last or first) + 1)
        if not 0 < len(seeds) <= SEEDS_MAX:
            self.fail(f"expected 1 to {SEEDS_MAX} seeds from the lower to the higher, found {value!r}", param, ctx)
        return seeds


@click.command("soak")
@click.option("--seeds", default="0..99", show_default=True, type=SeedRange(), help="Seeds, both ends included.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option(
    "--out",
    "folder",
    default="build/soak",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory for the scenarios of missions that failed.",
)
def soak_command(seeds: range, jobs: int, folder: Path) -> None:
    """Draw a mission from each seed, fly it in virtual time, and check all that must always hold."""
    console = Console(highlight=False)
    summary = Summary()
    begun_s = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
            task = progress.add_task("soak", total=len(seeds))
            for outcome in soak(seeds, jobs):
                summary.take(outcome)
                text = f"soak: {summary.per_minute:.0f} missions a minute and process, {summary.failed} failed"
                progress.update(task, advance=1, description=text)
                if outcome.broken:
                    show_failure(progress.console, outcome, keep(outcome, folder))
    except KeyboardInterrupt:
        console.print(f"[red]interrupted[/] after {summary.missions} of {len(seeds)} missions")
        sys.exit(1)
    took_s = time.monotonic() - begun_s
    verdict = "[bold red]FAIL[/]" if summary.failed else "[bold green]PASS[/]"
    console.print(
        f"{verdict}  {summary.missions - summary.failed} of {summary.missions} missions held, "
        f"{summary.mission_s / 3600:,.0f} h of mission in {took_s:.0f} s, "
        f"{summary.per_minute:.0f} missions a minute and process"
    )
    sys.exit(1 if summary.failed else 0)


def show_failure(console: Console, outcome: Outcome, path: Path) -> None:
    """Print what failed: the seed, what broke, the plan it was shrunk to, and the command that replays it."""
    console.print(f"[bold red]seed {outcome.seed}[/]")
    for line in outcome.broken:
        console.print(f"  {line}", markup=False)
    plan = outcome.shrunk.partition("\n\n")[0].splitlines()
    for line in plan[plan.index("# What went wrong on purpose:") :]:
        console.print(f"  {line.removeprefix('# ')}", style="dim", markup=False)
    console.print(f"  hil run {path} --seed {outcome.seed} --out build/soak-{outcome.seed}", markup=False)

"""`hil validate`: measure the channel against what it was told, and say whether it did it."""

import sys
from pathlib import Path

import click
from rich.console import Console

from ccsds.errors import MisuseError
from hil.validation.measurement import Measurement
from hil.validation.real_time import measure_real_time
from hil.validation.report import table_of, write_report
from hil.validation.virtual import measure
from mission.profiles import PROFILES, find_profile

# Click's own number for a usage error is 2 as well.
BAD_INPUT = 2


@click.command()
@click.option(
    "--mode",
    default="virtual",
    show_default=True,
    type=click.Choice(["virtual", "pty", "tcp"]),
    help="Virtual time, every effect on every profile; or real time over pseudo-terminals or TCP.",
)
@click.option("--profile", "names", multiple=True, help="Only this link profile, in virtual time; may be repeated.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of every random choice.")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), help="Directory for the report.")
def validate(mode: str, names: tuple[str, ...], seed: int, folder: Path | None) -> None:
    """Measure each effect of the channel from outside, and compare it with what was configured.

    Exit status: 0 if every configured value lies in the interval that was measured, 1 if one does not, 2 for bad input.
    """
    try:
        if names and mode != "virtual":
            raise MisuseError(f"--profile: expected none with --mode {mode}, which has a rate of its own")
        profiles = [find_profile(name) for name in names or PROFILES]
    except MisuseError as error:
        click.echo(f"hil: {error}", err=True)
        sys.exit(BAD_INPUT)
    found: list[Measurement] = []
    if mode == "virtual":
        for profile in profiles:
            found += measure(profile, seed)
    else:
        found = measure_real_time(mode, seed)
    console = Console(highlight=False, width=max(Console().width, 165))
    console.print(table_of(found))
    missed = sum(not each.ok for each in found)
    console.print(f"{len(found) - missed} of {len(found)} configured values lie in the interval that was measured")
    if folder is not None:
        clock = "virtual time" if mode == "virtual" else f"real time over {mode}"
        write_report(folder, found, f"The channel in {clock}, seed {seed}")
        console.print(f"written to {folder / 'validation.html'}")
    sys.exit(1 if missed else 0)

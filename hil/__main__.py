"""The `hil` program: run a scenario, see it happen, get a verdict.

Exit status: 0 pass, 1 fail, 2 bad input.
"""

import contextlib
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ccsds.errors import MisuseError, StarloopError
from ccsds.time import tai_ns_from_unix
from ground.client import default_socket_path
from ground.pass_plan import PASSES_MAX
from hil.bridge.display import BridgeDisplay
from hil.bridge.service import BridgeService, bridge_link
from hil.orbit.pass_list import pass_list
from hil.rig.real_time import check_real_time
from hil.rig.showroom import Showing, Showroom
from hil.rig.wiring import Mode, Wiring
from hil.run.corpora import find_corpora
from hil.run.display import Display, show_result
from hil.run.run import prepare_folder, run_scenario, with_recording
from hil.scenario.agreement import check_files_there
from hil.scenario.orbit import outlook_of
from hil.scenario.scenario import Scenario, load_scenario, shipped_scenarios
from hil.scenario.spacecraft import SpacecraftTable
from hil.soak.command import soak_command
from hil.validation.command import validate
from mission.profiles import PROFILES
from ports.errors import PortLostError

# Click's own number for a usage error is 2 as well.
BAD_INPUT = 2


@click.group()
def main() -> None:
    """Hardware in the loop: flight and ground over an emulated link, with faults on a timeline."""


@main.command()
@click.argument("scenario")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of every random choice.")
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Directory for what comes of it.")
@click.option(
    "--mode",
    default=Mode.VIRTUAL.value,
    show_default=True,
    type=click.Choice([mode.value for mode in Mode if mode is not Mode.BOARD]),
    help="Virtual time in one process, or real time between two programs over pseudo-terminals or TCP.",
)
@click.option(
    "--link-board",
    "board_url",
    metavar="URL",
    help="In real time with a board behind this link URL, such as serial:/dev/ttyUSB0?baud=115200; ground runs here.",
)
@click.option(
    "--keys",
    "keys_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The ground's key file, if there is a board; its twin is on the board.",
)
@click.option("--insecure", is_flag=True, help="The board believes every frame.")
@click.option("--force", is_flag=True, help="Overwrite an earlier run in that directory.")
@click.option("--capture", is_flag=True, help="Capture both lines, with what was altered, to capture.pcapng there.")
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    help="A capture of an earlier run, by which the lines lose, alter and insert the same octets again.",
)
def run(
    scenario: str,
    seed: int,
    folder: Path,
    mode: str,
    board_url: str | None,
    keys_path: Path | None,
    insecure: bool,
    force: bool,
    capture: bool,
    replay: Path | None,
) -> None:
    """Run SCENARIO, a shipped one by name or a .toml file by path."""
    console = Console(highlight=False)
    try:
        wiring = Wiring(
            mode=Mode(mode) if board_url is None else Mode.BOARD,
            board_url=board_url,
            keys_path=keys_path,
            is_insecure=insecure,
        )
        loaded = with_recording(load_scenario(scenario), folder, capture=capture, replay=replay)
        if wiring.is_real_time:
            check_real_time(loaded, wiring)
        if not wiring.is_device:
            _check_files_there(loaded, scenario)
        corpora = find_corpora(loaded)
        prepare_folder(folder, force=force)
    except (MisuseError, OSError) as error:
        click.echo(f"hil: {error}", err=True)
        sys.exit(BAD_INPUT)
    console.print(
        f"[bold]{loaded.title or loaded.name}[/]\nseed {seed}, link profile {loaded.link.profile}, {wiring.text}"
    )
    _end_when_asked()
    for corpus in corpora.values():
        text = corpus.notice or f"found in {corpus.origin.value}, SHA-256 {corpus.sha256[:12]}…"
        console.print(f"corpus {corpus.name}: {text}", style="dim", markup=False)
    try:
        with Display(console, loaded) as display:
            result = run_scenario(
                loaded,
                seed=seed,
                folder=folder,
                wiring=wiring,
                corpora=corpora,
                watch=display.watch,
                clock_s=time.monotonic,
            )
    except KeyboardInterrupt:
        console.print("[red]interrupted[/]; what was written so far is in", folder)
        sys.exit(1)
    except PortLostError as error:
        click.echo(f"hil: {board_url}: {error}", err=True)
        sys.exit(BAD_INPUT)
    except StarloopError as error:
        console.print(
            f"[red]the run broke off:[/] {error}\nreplay: hil run {scenario} --seed {seed} {wiring.option} --out …"
        )
        sys.exit(1)
    show_result(console, result, folder)
    sys.exit(0 if result.is_pass else 1)


def _check_files_there(loaded: Scenario, where: str) -> None:
    """Refuse what sends files that are not there: both ends begin with those of the scenario."""
    try:
        check_files_there(loaded.procedure, loaded.spacecraft.files, loaded.station.files)
    except MisuseError as error:
        raise MisuseError(f"scenario {where}: {error}") from None


@main.command()
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Directory for what comes of it.")
@click.option("--web", default="127.0.0.1:8180", show_default=True, help="Where the console is, as HOST:PORT.")
@click.option("--profile", default="sband", show_default=True, help="Link profile.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of keys and noise.")
@click.option(
    "--socket",
    "socket_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=default_socket_path,
    show_default="the user's, where `ground` commands look",
    help="Where the station serves programs.",
)
@click.option("--corpus", default="tinyshakespeare", show_default=True, help="What the jobs learn.")
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    default=("nanogpt:400", "swift", "nanogpt"),
    show_default=True,
    help="What is trained, one job each: a recipe, or RECIPE:STEPS; none for no job.",
)
@click.option(
    "--procedures",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Directory of procedures that the station offers.",
)
@click.option("--force", is_flag=True, help="Overwrite an earlier run in that directory.")
def console(
    folder: Path,
    web: str,
    profile: str,
    seed: int,
    socket_path: Path,
    corpus: str,
    recipes: tuple[str, ...],
    procedures: Path | None,
    force: bool,
) -> None:
    """Show a spacecraft that trains a model in orbit, and the console to command it from, until Ctrl-C."""

    def say(line: str) -> None:
        click.echo(line)

    try:
        corpora = find_corpora(_console_scenario(corpus))
        prepare_folder(folder, force=force)
        showing = Showing(
            folder=folder.absolute(),
            web=web,
            socket_path=socket_path,
            profile=profile,
            seed=seed,
            jobs=_jobs(recipes, corpus, seed),
            procedures=None if procedures is None else procedures.absolute(),
            corpora=corpora,
        )
        showroom = Showroom(showing, say)
    except (MisuseError, OSError) as error:
        click.echo(f"hil: {error}", err=True)
        sys.exit(BAD_INPUT)
    _end_when_asked()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            showroom.run()
    except StarloopError as error:
        click.echo(f"hil: {error}", err=True)
        sys.exit(1)


def _end_when_asked() -> None:
    """Have SIGTERM end the program as Ctrl-C does, with all programs that it started, and an interrupt in any case.

    A shell that starts it in the background of a script has it ignore interrupts; `flight` and `ground` hear them too.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def _jobs(recipes: tuple[str, ...], corpus: str, seed: int) -> list[dict[str, Any]]:
    """Give the arguments of the jobs that are asked for.

    Raises:
        MisuseError: Steps are no number.
    """
    jobs: list[dict[str, Any]] = []
    for job_id, each in enumerate((each for each in recipes if each != "none"), start=1):
        recipe, colon, steps = each.partition(":")
        if colon and not steps.isdecimal():
            raise MisuseError(f"--recipe: expected RECIPE or RECIPE:STEPS, found {each!r}")
        job = {"job_id": job_id, "recipe": recipe, "corpus": corpus, "seed": seed}
        jobs.append({**job, "steps": int(steps)} if colon else job)
    return jobs


def _console_scenario(corpus: str) -> Scenario:
    """Give what is on board of the spacecraft of a console; nothing of it happens by plan."""
    return Scenario(name="console", duration_s=1, spacecraft=SpacecraftTable(corpora=[corpus]), procedure=[])


@main.command()
@click.argument("board")
@click.argument("ground")
@click.option(
    "--profile", "profile_name", help=f"Link profile: {', '.join(PROFILES)}; serial unless a scenario says more."
)
@click.option("--scenario", help="Take the [link] table of a scenario, by name or path.")
@click.option("--delay", "delay_s", type=click.FloatRange(0), help="Delay each way in seconds.")
@click.option("--bit-error-rate", type=click.FloatRange(0, 0.5), help="Probability that a bit is inverted, each way.")
@click.option("--frame-loss", type=click.FloatRange(0, 1, max_open=True), help="Share of frames that fades take.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of every random choice.")
@click.option("--out", "folder", type=click.Path(path_type=Path), help="Directory for captures and the event log.")
@click.option("--force", is_flag=True, help="Overwrite an earlier run in that directory.")
@click.option("--duration", "duration_s", type=click.FloatRange(0, min_open=True), help="End after so many seconds.")
def bridge(
    board: str,
    ground: str,
    profile_name: str | None,
    scenario: str | None,
    delay_s: float | None,
    bit_error_rate: float | None,
    frame_loss: float | None,
    seed: int,
    folder: Path | None,
    force: bool,
    duration_s: float | None,
) -> None:
    """Sit between two ports, BOARD and GROUND, with the emulated link in the middle, until interrupted.

    Both are link URLs: serial:/dev/ttyUSB0?baud=115200, tcp-listen:127.0.0.1:9001, pty:/tmp/station, ...
    """
    console = Console(highlight=False)
    display = BridgeDisplay(console)
    try:
        impairments = {"delay_s": delay_s, "bit_error_rate": bit_error_rate, "frame_loss": frame_loss}
        link = bridge_link(
            scenario, profile_name, {key: value for key, value in impairments.items() if value is not None}
        )
        if folder is not None:
            prepare_folder(folder, force=force)
        service = BridgeService(board, ground, link, seed, folder, display.tell)
    except (MisuseError, OSError) as error:
        click.echo(f"hil: {error}", err=True)
        sys.exit(BAD_INPUT)
    end_ns = None if duration_s is None else round(duration_s * 1e9)
    _end_when_asked()
    with service:
        with display, contextlib.suppress(KeyboardInterrupt):
            service.run(lambda: end_ns is not None and service.now_ns >= end_ns, lambda: display.look(service))
    display.summary(service)


@main.command()
@click.argument("scenario")
@click.option(
    "--begin",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="In UTC; now, if not said.",
)
@click.option("--days", default=7.0, show_default=True, type=click.FloatRange(0, 366, min_open=True), help="How many.")
@click.option("--out", "path", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
def passes(scenario: str, begin: datetime | None, days: float, path: Path) -> None:
    """Write the passes of the [orbit] and [[stations]] of SCENARIO, for `ground serve --passes`."""
    begin_unix_s = time.time() if begin is None else begin.replace(tzinfo=UTC).timestamp()
    try:
        loaded = load_scenario(scenario)
        if loaded.orbit is None:
            raise MisuseError(f"{scenario}: expected an [orbit] and [[stations]], found none")
        tai_s = tai_ns_from_unix(round(begin_unix_s * 1e9)) / 1e9
        outlook = outlook_of(loaded.orbit, loaded.stations, tai_s, days * 86_400)
        if len(outlook.passes) > PASSES_MAX:
            raise MisuseError(
                f"--days: expected at most {PASSES_MAX} passes, as a station takes, found {len(outlook.passes)}"
            )
        path.write_text(pass_list(outlook, begin_unix_s))
    except (MisuseError, OSError) as error:
        click.echo(f"hil: {error}", err=True)
        sys.exit(BAD_INPUT)
    click.echo(f"{len(outlook.passes)} passes over {len(outlook.sites)} stations in {path}")


@main.command("list")
def list_scenarios() -> None:
    """List the scenarios that come with the package."""
    for name in shipped_scenarios():
        click.echo(f"{name:16} {load_scenario(name).title}")


main.add_command(validate)
main.add_command(soak_command)

if __name__ == "__main__":
    main()

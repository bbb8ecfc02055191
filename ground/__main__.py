"""``ground``: the operator's program. ``ground serve`` owns the link and the archive; the other commands talk to it.

Exit status: 0 done, 1 the command failed or was lost or the station went away, 2 bad input or no station.
"""

import contextlib
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.live import Live

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError, StarloopError
from ground import presentation
from ground.client import Client, NoStationError, RefusalError, default_socket_path
from ground.events import FINAL, Stage, plain
from ground.history import History
from ground.serve import ServeConfig, default_archive_path, run
from mission.definition import DICTIONARY
from mission.profiles import PROFILES, find_profile

FAILED_STATUS = 1
BAD_INPUT_STATUS = 2

# What fits under the other panels of a terminal of usual height.
EVENTS_SHOWN_MAX = 12

# Often enough to look alive, seldom enough to cost nothing.
REFRESH_S = 0.5

_FINAL_NAMES = frozenset(stage.name for stage in FINAL)

_socket_option = click.option(
    "--socket",
    "socket_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=default_socket_path,
    show_default="the user's runtime directory, or ~/.cache",
    help="Where the station listens.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class _SendCommand(click.Command):
    """A command whose ``NAME --help`` tells about the telecommand of that name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = [each for each in args if each in DICTIONARY.commands]
        if named and ctx.help_option_names and any(each in ctx.help_option_names for each in args):
            Console().print(presentation.command_help(DICTIONARY.commands[named[0]]))
            ctx.exit()
        return super().parse_args(ctx, args)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Operate a spacecraft: serve its link, send commands, watch telemetry."""


@main.command()
@click.option("--link", required=True, help="serial:/dev/ttyUSB0?baud=115200, tcp:host:port, pty:, ...")
@click.option("--profile", default="serial", show_default=True, help=f"How the link is run: {', '.join(PROFILES)}.")
@click.option(
    "--archive",
    "archive_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=default_archive_path,
    show_default="the user's data directory",
    help="SQLite file of frames, packets, events and commands.",
)
@_socket_option
def serve(link: str, profile: str, archive_path: Path, socket_path: Path) -> None:
    """Own the link and the archive, until stopped."""
    console = Console(stderr=True)
    with _plain_errors():
        config = ServeConfig(
            link=link, profile=find_profile(profile), archive_path=archive_path, socket_path=socket_path
        )
        run(config, say=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))


def _complete_name(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [
        CompletionItem(name, help=command.description)
        for name, command in sorted(DICTIONARY.commands.items())
        if name.startswith(incomplete)
    ]


@main.command(cls=_SendCommand)
@click.argument("name", required=False, shell_complete=_complete_name)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--list", "list_them", is_flag=True, help="List all commands; with NAME, tell all about that one.")
@click.option("--bd", is_flag=True, help="Bypass COP-1's sequence, for recovery.")
@click.option("--no-wait", is_flag=True, help="Return once the station has it in its archive.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), help="Seconds to wait for its end.")
@_json_option
@_socket_option
def send(
    name: str | None,
    arguments: tuple[str, ...],
    list_them: bool,
    bd: bool,
    no_wait: bool,
    timeout_s: float | None,
    as_json: bool,
    socket_path: Path,
) -> None:
    """Send the command NAME and print each verification stage as it comes.

    ``ground send NAME --help`` tells about one command.
    """
    console = Console()
    with _plain_errors():
        if list_them or name is None:
            if name is None and not list_them:
                raise MisuseError("expected the name of a command, found none; ground send --list shows all")
            named = None if name is None else DICTIONARY.command(name)
            console.print(presentation.command_list(DICTIONARY) if named is None else presentation.command_help(named))
            return
        command = DICTIONARY.command(name)
        values = command.arguments.parse(_pairs(arguments))
        with Client.connect(socket_path) as client:
            state = client.subscribe()
            command_id = client.send(name, values, service=Service.BD if bd else Service.AD)
            if no_wait:
                click.echo(_json({"command_id": command_id}) if as_json else f"{name} {command_id}: queued")
                return
            if state["link"] != "UP" and not as_json:
                console.print("link DOWN: the command waits until the spacecraft is heard", style="yellow")
            final = _follow(client, command_id, timeout_s, console, as_json)
    if final != Stage.COMPLETED.name:
        sys.exit(FAILED_STATUS)


@main.command()
@_json_option
@_socket_option
def watch(as_json: bool, socket_path: Path) -> None:
    """Show the link, housekeeping, jobs and events live, until stopped."""
    console = Console()
    with _plain_errors(), Client.connect(socket_path) as client, contextlib.suppress(KeyboardInterrupt):
        state = client.subscribe()
        if as_json or not console.is_terminal:
            click.echo(_json(state) if as_json else f"link {state['link']}, COP-1 {state['cop']}")
            for event in client.events():
                click.echo(_json(event) if as_json else presentation.event_line(event).plain)
            return
        shown: deque[dict[str, Any]] = deque(maxlen=EVENTS_SHOWN_MAX)
        rate = 0.0
        with Live(presentation.watch_screen(state, shown, rate), console=console, screen=True) as live:
            while True:
                shown.extend(event for event in client.events(REFRESH_S) if event["type"] not in _UNINTERESTING)
                before, state = state, client.state()
                elapsed_s = (state["time_ns"] - before["time_ns"]) / 1e9
                octets = state["counters"].get("octets_received", 0) - before["counters"].get("octets_received", 0)
                rate = octets / elapsed_s if elapsed_s > 0 else rate
                live.update(presentation.watch_screen(state, shown, rate))


@main.command()
@_json_option
@_socket_option
def jobs(as_json: bool, socket_path: Path) -> None:
    """Show the jobs on board, as far as they were heard of."""
    with _plain_errors(), Client.connect(socket_path) as client:
        known = client.jobs()
    if as_json:
        click.echo(_json(known))
    elif known:
        Console().print(presentation.jobs_table(known))
    else:
        click.echo("no job was heard of yet; submit one with: ground send job.submit job_id=1 ...")


@main.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
@click.option(
    "--archive",
    "archive_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read this archive instead of asking the station.",
)
@_json_option
@_socket_option
def commands(limit: int, archive_path: Path | None, as_json: bool, socket_path: Path) -> None:
    """Show the latest commands with all their stages, from the archive."""
    with _plain_errors():
        known = _commands(limit, archive_path, socket_path)
    if as_json:
        click.echo(_json(known))
    else:
        Console().print(presentation.commands_history(known), soft_wrap=True)


_UNINTERESTING = frozenset({"FrameReceived", "ReportReceived", "HousekeepingReceived"})


def _commands(limit: int, archive_path: Path | None, socket_path: Path) -> list[dict[str, Any]]:
    if archive_path is None:
        with Client.connect(socket_path) as client:
            return client.commands(limit)
    with contextlib.closing(History.open(archive_path)) as history:
        return [plain(asdict(each)) for each in history.commands(limit)]


def _follow(client: Client, command_id: int, timeout_s: float | None, console: Console, as_json: bool) -> str:
    """Print every stage of a command until it ends, and give the last."""
    for event in client.events(timeout_s):
        if event["type"] != "CommandStaged" or event["command_id"] != command_id:
            continue
        if as_json:
            click.echo(_json(event))
        else:
            console.print(presentation.stage_line(event), soft_wrap=True)
        if event["stage"] in _FINAL_NAMES:
            return event["stage"]
    raise TimeoutError(f"expected command {command_id} to end within {timeout_s:g} s, found it on its way still")


def _pairs(arguments: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in arguments:
        name, equals, text = each.partition("=")
        if not equals:
            raise MisuseError(f"expected arguments as key=value, found {each!r}")
        if name in pairs:
            raise MisuseError(f"{name}: expected one value, found two")
        pairs[name] = text
    return pairs


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn the errors a person can do something about into one line and an exit status."""
    try:
        yield
    except (MisuseError, NoStationError, RefusalError) as error:
        _fail(error, BAD_INPUT_STATUS)
    except (StarloopError, TimeoutError) as error:
        _fail(error, FAILED_STATUS)


def _fail(error: Exception, status: int) -> NoReturn:
    click.echo(f"ground: {error}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main(prog_name="ground")

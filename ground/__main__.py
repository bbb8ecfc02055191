"""``ground``: the operator's program. ``ground serve`` owns the link and the archive; the other commands talk to it.

Exit status: 0 done, 1 the command failed or was lost or the station went away, 2 bad input or no station.
"""

import contextlib
import secrets
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
from ccsds.errors import MalformedError, MisuseError, StarloopError
from ccsds.sdls.association import Suite
from ccsds.sdls.key_file import GENERATIONS_DEFAULT, GENERATIONS_MAX, End, generate_keys
from ground import presentation
from ground.client import Client, NoStationError, RefusalError, default_socket_path
from ground.cop1_words import WORDS, directive_of, status_text
from ground.events import FINAL, Stage, plain
from ground.history import History
from ground.serve import ServeConfig, default_archive_path, run
from mission.channels import PROTECTED_CHANNELS
from mission.definition import DICTIONARY
from mission.profiles import PROFILES, find_profile
from ports.key_directory import create_key_file, require_choice
from ports.url import parse_url

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
@click.option(
    "--keys",
    "keys_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Key file of the ground, made by `ground keys new`.",
)
@click.option("--insecure", is_flag=True, help="Believe every frame. For a bench, never for a radio.")
@_socket_option
def serve(
    link: str, profile: str, archive_path: Path, keys_path: Path | None, insecure: bool, socket_path: Path
) -> None:
    """Own the link and the archive, until stopped."""
    console = Console(stderr=True)
    with _plain_errors():
        parse_url(link)
        link_profile = find_profile(profile)
        require_choice(keys_path, insecure)
        config = ServeConfig(
            link=link, profile=link_profile, archive_path=archive_path, socket_path=socket_path, keys_path=keys_path
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
                until = "it is sent blind" if bd else "the command waits until the spacecraft is heard"
                console.print(f"link DOWN: {until}", style="yellow")
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
@click.argument("job_id", type=click.IntRange(min=1), required=False)
@_json_option
@_socket_option
def jobs(job_id: int | None, as_json: bool, socket_path: Path) -> None:
    """Show the jobs on board, as far as they were heard of; with JOB_ID, all that is known of that one.

    What is known comes from telemetry; ``ground send job.report job_id=N`` asks for it.
    """
    with _plain_errors():
        with Client.connect(socket_path) as client:
            known = client.jobs()
        if job_id is not None and str(job_id) not in known:
            heard = ", ".join(known) or "none"
            raise MisuseError(f"expected a job that was heard of ({heard}), found {job_id}")
    if as_json:
        click.echo(_json(known if job_id is None else known[str(job_id)]))
    elif job_id is not None:
        Console().print(presentation.job_details(job_id, known[str(job_id)]))
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


@main.command()
@click.argument("word", type=click.Choice(WORDS), default="status")
@click.argument("value", type=float, required=False)
@click.option("--no-check", is_flag=True, help="initiate: do not wait for a CLCW.")
@click.option("--unlock", is_flag=True, help="initiate: send Unlock to FARM-1 first.")
@click.option("--set-vr", type=click.IntRange(0, 255), help="initiate: send Set V(R) with this number first.")
@_json_option
@_socket_option
def cop1(
    word: str,
    value: float | None,
    no_check: bool,
    unlock: bool,
    set_vr: int | None,
    as_json: bool,
    socket_path: Path,
) -> None:
    """Show COP-1, or give FOP-1 a directive.

    \b
    status           what FOP-1 is set to, and what FARM-1 last said
    initiate         bring the AD service up; it must be down
    terminate        take it down, and keep it down until it is initiated
    resume           go on where it was suspended
    set-vs N         the number of the next AD frame; the service must be down
    window K         how many AD frames may be on their way
    t1 SECONDS       how long to wait for an acknowledgement
    limit N          how often a frame is sent before it is given up
    timeout-type N   at the last expiry of T1: 0 gives up, 1 suspends
    """  # noqa: D301  click takes the mark for text that it must not wrap
    with _plain_errors():
        directive, number = directive_of(word, value, no_check=no_check, unlock=unlock, set_vr=set_vr)
        with Client.connect(socket_path) as client:
            status = client.cop1(directive, number)
    click.echo(_json(status) if as_json else status_text(status))


@main.group()
def keys() -> None:
    """Make a pair of key files; show and change the keys of a running station."""


@keys.command("new")
@click.argument("ground_file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("spacecraft_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--suite",
    type=click.Choice([each.value for each in Suite]),
    default=Suite.AES_256_GCM.value,
    show_default=True,
    help="Encrypt and authenticate, or only authenticate.",
)
@click.option(
    "--generations",
    type=click.IntRange(2, GENERATIONS_MAX),
    default=GENERATIONS_DEFAULT,
    show_default=True,
    help="Keys of each channel: one in use, one to recover with, the others to change to.",
)
def keys_new(ground_file: Path, spacecraft_file: Path, suite: str, generations: int) -> None:
    """Make a new pair: GROUND_FILE stays here, SPACECRAFT_FILE is moved to the board.

    Files that exist are never overwritten. Keep no copy of either.
    """
    with _plain_errors():
        files = generate_keys(PROTECTED_CHANNELS, secrets.token_bytes, generations=generations, suite=Suite(suite))
        create_key_file(ground_file, files[End.GROUND].encode())
        try:
            create_key_file(spacecraft_file, files[End.SPACECRAFT].encode())
        except (MisuseError, OSError):
            # Half a pair is of no use, and this half was used by nobody yet.
            ground_file.unlink()
            raise
    click.echo(f"keys {files[End.GROUND].set_id[:8]}: {ground_file} and {spacecraft_file}")
    click.echo(f"move {spacecraft_file} to the board, keep no copy, then:")
    click.echo(f"  flight --keys {spacecraft_file.name} --link ...     ground serve --keys {ground_file} --link ...")


@keys.command("list")
@_json_option
@_socket_option
def keys_list(as_json: bool, socket_path: Path) -> None:
    """Show the keys of the ground and how far their counters are."""
    with _plain_errors(), Client.connect(socket_path) as client:
        known = client.keys()
    if as_json:
        click.echo(_json(known))
    else:
        Console().print(presentation.keys_table(known))


@keys.command("activate")
@click.argument("spi", type=int)
@_socket_option
def keys_activate(spi: int, socket_path: Path) -> None:
    """Take key SPI into use at the ground: send under it, or accept telemetry under it."""
    _operate_key("activate", spi, socket_path)


@keys.command("deactivate")
@click.argument("spi", type=int)
@_socket_option
def keys_deactivate(spi: int, socket_path: Path) -> None:
    """Take key SPI out of use at the ground; it can be activated again."""
    _operate_key("deactivate", spi, socket_path)


@keys.command("destroy")
@click.argument("spi", type=int)
@_socket_option
def keys_destroy(spi: int, socket_path: Path) -> None:
    """Erase key SPI at the ground, for ever; it must not be active."""
    _operate_key("destroy", spi, socket_path)


def _operate_key(operation: str, spi: int, socket_path: Path) -> None:
    with _plain_errors(), Client.connect(socket_path) as client:
        known = client.keys(operation, spi)
    row = next(each for each in known["keys"] if each["spi"] == spi)
    click.echo(f"SPI {spi} ({row['link']} {row['virtual_channel']}): {row['state']}{', sends' * row['sends']}")


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
    except (MalformedError, MisuseError, NoStationError, RefusalError) as error:
        _fail(error, BAD_INPUT_STATUS)
    except (StarloopError, TimeoutError) as error:
        _fail(error, FAILED_STATUS)
    except BrokenPipeError:  # Whoever read our lines has enough; click ends us quietly.
        raise
    except OSError as error:
        _fail(error, BAD_INPUT_STATUS)


def _fail(error: Exception, status: int) -> NoReturn:
    click.echo(f"ground: {error}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main(prog_name="ground")

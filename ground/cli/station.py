"""``ground serve``, ``ground watch`` and ``ground link``: the station in service, and a look at it."""

import contextlib
from collections import deque
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from ground import presentation
from ground.cli.archive import read_rule
from ground.cli.options import (
    SOCKET_DEFAULT,
    SocketPath,
    default_archive_path,
    json_option,
    plain_errors,
    socket_option,
    to_json,
)
from ground.client import Client, default_socket_path
from mission.profile_file import open_profile
from mission.profiles import PROFILES
from mission.words.link import LINK_STRUCTURE
from ports.key_directory import require_choice
from ports.url import parse_url

NS_PER_US = 1_000

# An hour: as far as Jupiter. What is more is a slip of the keyboard.
LIGHT_TIME_US_MAX = 3_600_000_000

# What fits under the other panels of a terminal of usual height.
EVENTS_SHOWN_MAX = 12

# Often enough to look alive, seldom enough to cost nothing.
REFRESH_S = 0.5

_UNINTERESTING = frozenset({"FrameReceived", "ReportReceived", "HousekeepingReceived", "TransferProgressed"})


@click.command()
@click.option("--link", required=True, help="serial:/dev/ttyUSB0?baud=115200, tcp:host:port, pty:, ...")
@click.option(
    "--profile",
    default="serial",
    show_default=True,
    help=f"How the link is run: {', '.join(PROFILES)}, or the path of a .toml file.",
)
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
@click.option(
    "--files",
    "files_path",
    type=click.Path(path_type=Path, file_okay=False),
    show_default="beside the archive",
    help="Directory of files from the spacecraft; they are under their names once they are whole.",
)
@click.option(
    "--web",
    default="127.0.0.1:8180",
    show_default=True,
    help="Where the console and the API are for browsers, as HOST:PORT; none for nowhere.",
)
@click.option(
    "--passes",
    "passes_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of the passes that are expected, for the console: a [[pass]] each, with station, begin and end.",
)
@click.option(
    "--rules",
    "rules_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of the station's own limits and derived parameters (docs/archive.md).",
)
@click.option(
    "--users",
    "users_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the people who may come in there, made by `ground users add`; needed beyond this computer.",
)
@click.option("--tls-certificate", type=click.Path(path_type=Path, dir_okay=False), help="PEM file; serves HTTPS.")
@click.option("--tls-key", type=click.Path(path_type=Path, dir_okay=False), help="PEM file of its key.")
@click.option("--web-name", "web_names", multiple=True, help="A name by which browsers ask for it.")
@click.option(
    "--procedures",
    "procedures_path",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of procedures that people may have the station run.",
)
@click.option(
    "--light-time-us",
    type=click.IntRange(0, LIGHT_TIME_US_MAX),
    show_default="what commands and their acceptance tell",
    help="Microseconds that a signal takes one way, for the correlation of the clocks.",
)
@click.option("--keep-frames", help="At start and each hour, remove raw frames that came longer ago: 30d.")
@click.option("--keep-events", help="At start and each hour, remove events that came longer ago.")
@click.option(
    "--keep-telemetry", help="At start and each hour, remove reports made longer ago: 5y. Plots of them stay."
)
@click.option(
    "--keep-size", help="At start and each hour, remove the oldest frames, then reports, of what is more: 20GB."
)
@click.option("--insecure", is_flag=True, help="Believe every frame. For a bench, never for a radio.")
@click.option(
    "--socket",
    "socket_path",
    type=SocketPath(),
    default=default_socket_path,
    show_default=SOCKET_DEFAULT,
    help="Where to listen for this computer's programs.",
)
def serve(
    link: str,
    profile: str,
    archive_path: Path,
    keys_path: Path | None,
    files_path: Path | None,
    web: str,
    passes_path: Path | None,
    rules_path: Path | None,
    users_path: Path | None,
    procedures_path: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    web_names: tuple[str, ...],
    light_time_us: int | None,
    keep_frames: str | None,
    keep_events: str | None,
    keep_telemetry: str | None,
    keep_size: str | None,
    insecure: bool,
    socket_path: Path,
) -> None:
    """Own the link and the archive, until stopped."""
    # Only here: the station's API is much to load, and the other commands need none of it.
    from ground.serve import ServeConfig, run
    from ground.server.doors import WebAddress

    console = Console(stderr=True)
    with plain_errors():
        parse_url(link)
        link_profile = open_profile(profile)
        require_choice(keys_path, insecure)
        rule = read_rule(keep_frames, keep_events, keep_telemetry, keep_size)
        config = ServeConfig(
            link=link,
            profile=link_profile,
            archive_path=archive_path,
            socket_path=socket_path,
            keys_path=keys_path,
            light_time_ns=None if light_time_us is None else light_time_us * NS_PER_US,
            files_path=files_path,
            passes_path=passes_path,
            rules_path=rules_path,
            web=None if web == "none" else WebAddress.of(web, tls_certificate, tls_key),
            web_names=web_names,
            users_path=users_path,
            procedures_path=procedures_path,
            retention=rule if rule.plain() else None,
        )
        run(config, say=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))


@click.command()
@json_option
@socket_option
def link(as_json: bool, socket_path: str | Path) -> None:
    """Show what came and what was lost on each virtual channel since the station and the spacecraft started."""
    with plain_errors(), Client.connect(socket_path) as client:
        state = client.subscribe()
    if as_json:
        reported = state["housekeeping"].get(str(LINK_STRUCTURE))
        click.echo(to_json({"down": state["channels"], "up": None if reported is None else reported["values"]}))
    else:
        Console().print(presentation.link_table(state))


@click.command()
@json_option
@socket_option
def stores(as_json: bool, socket_path: str | Path) -> None:
    """Show what is known of the packet stores on board: what came, what is missing, what was overwritten.

    Numbers are lost or unused that a reset took: up to 256 are set aside ahead, and nobody knows which had a packet.
    """
    with plain_errors(), Client.connect(socket_path) as client:
        known = client.state()["stores"]
    if as_json:
        click.echo(to_json(known))
    else:
        Console().print(presentation.stores_table(known))


@click.command()
@json_option
@socket_option
def watch(as_json: bool, socket_path: str | Path) -> None:
    """Show the link, housekeeping, jobs, files and events live, until stopped."""
    console = Console()
    with plain_errors(), Client.connect(socket_path) as client, contextlib.suppress(KeyboardInterrupt):
        state = client.subscribe()
        if as_json or not console.is_terminal:
            click.echo(to_json(state) if as_json else f"link {state['link']}, COP-1 {state['cop']}")
            for event in client.events():
                click.echo(to_json(event) if as_json else presentation.event_line(event).plain)
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

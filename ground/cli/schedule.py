"""``ground schedule``: put a command into the schedule of the spacecraft, and see what waits in it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ccsds.errors import MisuseError
from ccsds.pus.telecommand import SEQUENCE_COUNT_MAX, Telecommand
from ccsds.time import unix_ns_from_tai
from ground import presentation
from ground.cli.commands import pairs, send_and_follow
from ground.cli.options import FAILED_STATUS, json_option, plain_errors, socket_option, to_json
from ground.client import Client
from ground.events import Stage
from ground.schedule_request import request_count, scheduled
from mission.channels import Apid, OnBoardSource
from mission.definition import DICTIONARY
from mission.schedule import Anchor

# How long the report of a page may take behind the completion of its command, and how often it is asked for again.
REPORT_TIMEOUT_S = 20.0
PAGE_TRIES_MAX = 3


@click.group()
def schedule() -> None:
    """Put commands into the spacecraft's schedule, and see what waits in it."""


@schedule.command()
@click.argument("time")
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--late", "late_s", type=click.IntRange(min=1), help="Release it up to so many seconds late.")
@click.option("--group", type=click.IntRange(0, 255), default=0, help="Put it into this group.")
@click.option("--sub-schedule", type=click.IntRange(0, 255), default=0, help="Put it into this sub-schedule.")
@click.option("--count", type=click.IntRange(0, SEQUENCE_COUNT_MAX), help="Sequence count of the request.")
@json_option
@socket_option
def add(
    time: str,
    name: str,
    arguments: tuple[str, ...],
    late_s: int | None,
    group: int,
    sub_schedule: int,
    count: int | None,
    as_json: bool,
    socket_path: str | Path,
) -> None:
    """Have the command NAME released on board at TIME.

    TIME is a UTC time such as 2027-03-01T12:00:00Z, or reckoned from a pass or an orbit event: aos, aos+90s, los+5min,
    event7-30s.
    """
    with plain_errors():
        command = DICTIONARY.command(name)
        given = command.arguments.parse(pairs(arguments))
        values = scheduled(command, given, time, late_s=late_s, group=group, sub_schedule=sub_schedule, count=count)
        with Client.connect(socket_path) as client:
            final = send_and_follow(client, "schedule.insert_relative", values, as_json=as_json)
    if final != Stage.COMPLETED.name:
        sys.exit(FAILED_STATUS)
    if not as_json:
        click.echo(f"{name} is request {OnBoardSource.SCHEDULE}/{Apid.CORE}/{request_count(values)}")


@schedule.command(name="list")
@json_option
@socket_option
def list_activities(as_json: bool, socket_path: str | Path) -> None:
    """Show what waits in the schedule, in order of time."""
    with plain_errors(), Client.connect(socket_path) as client:
        rows = list(_activities(client))
    if as_json:
        click.echo(to_json(rows))
        return
    for row in rows:
        request = Telecommand.decode(bytes.fromhex(row["request"]))
        name = DICTIONARY.command_of(request.service, request.subtype).name
        known = f"{request.source_id}/{request.apid}/{request.sequence_count}"
        click.echo(f"{_time_text(row):<30} {name:<28} {known}")
    if not rows:
        click.echo("nothing waits in the schedule")


def _activities(client: Client) -> Iterator[dict[str, Any]]:
    """Ask for all pages.

    Raises:
        MisuseError: The spacecraft refuses.
        TimeoutError: A report did not come.
    """
    client.subscribe()
    position, total = 0, 1
    while position < total:
        for _ in range(PAGE_TRIES_MAX):
            page = _page(client, position)
            if page is not None:
                break
        else:
            raise TimeoutError(f"expected activities from {position} on, found no report in {PAGE_TRIES_MAX} tries")
        yield from page["activities"]
        total = page["total"] if page["activities"] else 0
        position += len(page["activities"])


def _page(client: Client, position: int) -> dict[str, Any] | None:
    """Ask for one page; None if its report was lost on the way."""
    client.read_events()
    final = client.wait(client.send("schedule.detail_all", {"position": position}))
    if final["stage"] != Stage.COMPLETED.name:
        raise MisuseError(f"schedule.detail_all: {final['stage']} {final['text']}".rstrip())
    for event in client.events(REPORT_TIMEOUT_S):
        if event["type"] == "ReportReceived" and event["name"] == "schedule_detail":
            if event["values"]["position"] == position:
                return event["values"]
    return None


def _time_text(row: dict[str, Any]) -> str:
    if row["release_time"]:
        return presentation.utc(unix_ns_from_tai(row["release_time"]))
    anchor = f"EVENT {row['orbit_event']}" if row["anchor"] == Anchor.EVENT.name else row["anchor"]
    return f"{anchor} {row['offset'] / 1000:+g} s"

"""``ground schedule``: put a command into the schedule of the spacecraft, and see what waits in it.

A request in the schedule is known by its source id, APID and sequence count. Those put there by this program have a
source of their own (`mission.channels.OnBoardSource`) and a count made of what they say and when; another can be given.
"""

import calendar
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ccsds.errors import MisuseError
from ccsds.pus.telecommand import SEQUENCE_COUNT_MAX, Telecommand
from ccsds.time import tai_ns_from_unix, unix_ns_from_tai
from ground import presentation
from ground.cli.commands import pairs, send_and_follow
from ground.cli.options import FAILED_STATUS, json_option, plain_errors, socket_option, to_json
from ground.client import Client
from ground.events import Stage
from mission.channels import Apid, OnBoardSource
from mission.definition import DICTIONARY
from mission.schedule import Anchor, Late

_NS_PER_S = 1_000_000_000
_RELATIVE = re.compile(r"(aos|los|event(\d+))(?:([+-])(\d+(?:\.\d+)?)(ms|s|min|h))?")
_UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_UTC = click.DateTime(["%Y-%m-%dT%H:%M:%SZ"])
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
    socket_path: Path,
) -> None:
    """Have the command NAME released on board at TIME.

    TIME is a UTC time such as 2027-03-01T12:00:00Z, or reckoned from a pass or an orbit event: aos, aos+90s, los+5min,
    event7-30s.
    """
    with plain_errors():
        command = DICTIONARY.command(name)
        data = command.arguments.encode(command.arguments.parse(pairs(arguments)))
        when = _parse_time(time)
        if count is None:
            said = hashlib.sha256(f"{time} {name} ".encode() + data).digest()
            count = int.from_bytes(said[:2], "big") & SEQUENCE_COUNT_MAX
        request = Telecommand(
            Apid.CORE, count, command.service, command.subtype, OnBoardSource.SCHEDULE, data=data
        ).encode()
        row = {"group": group, "request": request, **when}
        row |= {} if late_s is None else {"late": Late.RUN, "limit": late_s}
        values = {"sub_schedule": sub_schedule, "activities": [row]}
        with Client.connect(socket_path) as client:
            final = send_and_follow(client, "schedule.insert_relative", values, as_json=as_json)
    if final != Stage.COMPLETED.name:
        sys.exit(FAILED_STATUS)
    if not as_json:
        click.echo(f"{name} is request {OnBoardSource.SCHEDULE}/{Apid.CORE}/{count}")


@schedule.command(name="list")
@json_option
@socket_option
def list_activities(as_json: bool, socket_path: Path) -> None:
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


def _parse_time(text: str) -> dict[str, Any]:
    """Give when an activity is due, as fields of `schedule.insert_relative`.

    Raises:
        MisuseError: It is no time.
    """
    match = _RELATIVE.fullmatch(text)
    if match is not None:
        anchor, event, sign, number, unit = match.groups()
        offset_ms = round(float(number) * _UNITS_MS[unit]) if number else 0
        fields: dict[str, Any] = {"offset": -offset_ms if sign == "-" else offset_ms}
        if event:
            return {**fields, "anchor": Anchor.EVENT, "orbit_event": int(event)}
        return {**fields, "anchor": Anchor[anchor.upper()]}
    try:
        moment = _UTC.convert(text, None, None)
    except click.BadParameter:
        raise MisuseError(
            f"TIME: expected a UTC time such as 2027-03-01T12:00:00Z, or aos+90s, los, event7-30s, found {text!r}"
        ) from None
    return {
        "anchor": Anchor.ABSOLUTE,
        "release_time": tai_ns_from_unix(calendar.timegm(moment.timetuple()) * _NS_PER_S),
    }


def _time_text(row: dict[str, Any]) -> str:
    if row["release_time"]:
        return presentation.utc(unix_ns_from_tai(row["release_time"]))
    anchor = f"EVENT {row['orbit_event']}" if row["anchor"] == Anchor.EVENT.name else row["anchor"]
    return f"{anchor} {row['offset'] / 1000:+g} s"

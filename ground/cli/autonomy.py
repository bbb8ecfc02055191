"""``ground monitor`` and ``ground react``: what the spacecraft watches by itself, and what it does about it.

Both are a shorter way to say what `monitoring.add` and `reaction.add` take as rows, with names for numbers.
"""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ccsds.errors import MisuseError
from ccsds.pus.telecommand import SEQUENCE_COUNT_MAX, Telecommand
from ground.cli.commands import pairs, send_and_follow
from ground.cli.options import FAILED_STATUS, Finite, json_option, plain_errors, socket_option
from ground.client import Client
from ground.events import Stage
from mission.channels import Apid, OnBoardSource
from mission.definition import DICTIONARY
from mission.monitoring import CheckKind

_MS_PER_S = 1_000


@click.group()
def monitor() -> None:
    """Have the spacecraft watch its parameters; `ground send monitoring...` does the rest."""


@monitor.command(name="add")
@click.argument("number", type=click.IntRange(min=1))
@click.argument("parameter")
@click.option("--low", type=Finite(), help="The lowest that is good.")
@click.option("--high", type=Finite(), help="The highest that is good.")
@click.option("--changes", type=click.IntRange(min=1), help="Let --low and --high be of the change over so many looks.")
@click.option("--equals", type=int, help="What it should be, for whole numbers.")
@click.option("--stale", "stale_s", type=Finite(min=0, min_open=True), help="Seconds it may stay the same.")
@click.option("--every", "interval_s", type=Finite(min=0, min_open=True), default=1.0, show_default=True)
@click.option("--times", "repetition", type=click.IntRange(min=1), default=1, show_default=True, help="Looks in a row.")
@json_option
@socket_option
def add_monitor(
    number: int,
    parameter: str,
    low: float | None,
    high: float | None,
    changes: int | None,
    equals: int | None,
    stale_s: float | None,
    interval_s: float,
    repetition: int,
    as_json: bool,
    socket_path: str | Path,
) -> None:
    """Have monitor NUMBER look at PARAMETER every few seconds, from now on.

    When it is bad so many times in a row, the event monitor_out is told; when it is good again, monitor_within.
    """
    with plain_errors():
        limits = {name: value for name, value in (("low", low), ("high", high)) if value is not None}
        row = {
            "monitor": number,
            "parameter": _parameter_number(parameter),
            "interval": round(interval_s * _MS_PER_S),
            "repetition": repetition,
            **_check(limits, changes, equals, stale_s),
        }
        with Client.connect(socket_path) as client:
            _send(client, "monitoring.add", {"monitors": [row]}, as_json)
            _send(client, "monitoring.enable_monitors", {"monitors": [number]}, as_json)
            _send(client, "monitoring.enable", {}, as_json)


@click.command()
@click.argument("event")
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--about", type=click.IntRange(min=0), default=0, help="Only when it is about this monitor, job, ...")
@json_option
@socket_option
def react(
    event: str, name: str, arguments: tuple[str, ...], about: int, as_json: bool, socket_path: str | Path
) -> None:
    """Have the spacecraft give itself the command NAME whenever EVENT happens, from now on."""
    with plain_errors():
        if event not in DICTIONARY.events:
            raise MisuseError(f"expected an event of the dictionary, found {event!r}")
        command = DICTIONARY.command(name)
        data = command.arguments.encode(command.arguments.parse(pairs(arguments)))
        said = hashlib.sha256(f"{event} {about} {name} ".encode() + data).digest()
        count = int.from_bytes(said[:2], "big") & SEQUENCE_COUNT_MAX
        request = Telecommand(Apid.CORE, count, command.service, command.subtype, OnBoardSource.REACTIONS, data=data)
        key = {"event": DICTIONARY.events[event].id, "about": about}
        with Client.connect(socket_path) as client:
            _send(client, "reaction.add", {"reactions": [{**key, "request": request.encode()}]}, as_json)
            _send(client, "reaction.enable", {"reactions": [key]}, as_json)
            _send(client, "reaction.enable_all", {}, as_json)


def _check(
    limits: Mapping[str, float], changes: int | None, equals: int | None, stale_s: float | None
) -> dict[str, Any]:
    """Give the part of a definition that says what is good."""
    given = [bool(limits), equals is not None, stale_s is not None]
    if sum(given) != 1:
        raise MisuseError(
            "expected one of --low and --high, --equals, or --stale; found " + ("several" if any(given) else "none")
        )
    if changes is not None and not limits:
        raise MisuseError("--changes: expected --low or --high with it, found neither")
    if equals is not None:
        return {"kind": CheckKind.EXPECTED, "expected": equals}
    if stale_s is not None:
        return {"kind": CheckKind.STALE, "stale": round(stale_s * _MS_PER_S)}
    return (
        {"kind": CheckKind.LIMIT, **limits}
        if changes is None
        else {"kind": CheckKind.DELTA, "deltas": changes, **limits}
    )


def _parameter_number(name: str) -> int:
    number = next((number for number, each in DICTIONARY.parameters.items() if each.name == name), None)
    if number is None:
        raise MisuseError(f"expected a parameter of the dictionary, found {name!r}")
    return number


def _send(client: Client, name: str, values: Mapping[str, Any], as_json: bool) -> None:
    """Send a command, print its end, and end the program if that is no success."""
    final = send_and_follow(client, name, values, as_json=as_json, only_end=True)
    if final != Stage.COMPLETED.name:
        sys.exit(FAILED_STATUS)

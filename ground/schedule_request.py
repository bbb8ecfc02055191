"""A command as an activity of the spacecraft's schedule, ST[11]: released on board at a time, or reckoned from a pass.

A request in the schedule is known by its source id, APID and sequence count. Those that the ground makes have a source
of their own (`mission.channels.OnBoardSource`) and a count made of what they say and when; another can be given.
"""

import calendar
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ccsds.errors import MisuseError
from ccsds.pus.telecommand import SEQUENCE_COUNT_MAX, Telecommand
from ccsds.time import tai_ns_from_unix
from mission.channels import Apid, OnBoardSource
from mission.dictionary import Command
from mission.schedule import Anchor, Late

_NS_PER_S = 1_000_000_000
_RELATIVE = re.compile(r"(aos|los|event(\d+))(?:([+-])(\d+(?:\.\d+)?)(ms|s|min|h))?")
_UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}


def scheduled(
    command: Command,
    arguments: Mapping[str, Any],
    when: str,
    *,
    late_s: int | None = None,
    group: int = 0,
    sub_schedule: int = 0,
    count: int | None = None,
) -> dict[str, Any]:
    """Give the arguments of the ``schedule.insert_relative`` that has a command released later.

    Args:
        command: What is released.
        arguments: Its own, checked.
        when: A UTC time such as 2027-03-01T12:00:00Z, or aos+90s, los, event7-30s.
        late_s: Up to how late it may be released, or None: then it is skipped if its time goes by unused.
        group: Which group it is put into, 0 to 255.
        sub_schedule: Which sub-schedule, 0 to 255.
        count: Sequence count of the request, or None for one made of what it says.

    Raises:
        MisuseError: The time is none.
    """
    data = command.arguments.encode(arguments)
    due = parse_time(when)
    if count is None:
        said = hashlib.sha256(f"{when} {command.name} ".encode() + data).digest()
        count = int.from_bytes(said[:2], "big") & SEQUENCE_COUNT_MAX
    request = Telecommand(
        Apid.CORE, count, command.service, command.subtype, OnBoardSource.SCHEDULE, data=data
    ).encode()
    row = {"group": group, "request": request, **due}
    row |= {} if late_s is None else {"late": Late.RUN, "limit": late_s}
    return {"sub_schedule": sub_schedule, "activities": [row]}


def request_count(arguments: Mapping[str, Any]) -> int:
    """Give the sequence count of the request in what `scheduled` gave."""
    return Telecommand.decode(arguments["activities"][0]["request"]).sequence_count


def parse_time(text: str) -> dict[str, Any]:
    """Give when an activity is due, as fields of ``schedule.insert_relative``.

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
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        raise MisuseError(
            f"TIME: expected a UTC time such as 2027-03-01T12:00:00Z, or aos+90s, los, event7-30s, found {text!r}"
        ) from None
    return {
        "anchor": Anchor.ABSOLUTE,
        "release_time": tai_ns_from_unix(calendar.timegm(moment.timetuple()) * _NS_PER_S),
    }

"""What was, told again: the packets of an archive read anew as the station reads them, into a picture of their own.

It holds no clock: whoever drives it says until when to go. Reports take their place by when they were made on board;
what the station itself told, by when it told it. What is older than packets were kept is told as it was decoded then.
"""

import heapq
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import msgspec

from ccsds.errors import MalformedError, MisuseError
from ccsds.time import tai_ns_from_unix, unix_ns_from_tai
from ground.archive.blocks import Report
from ground.archive.history import History
from ground.downlink import Downlink
from ground.events import EventReported, HousekeepingReceived, ReportReceived, StationEvent, plain
from ground.picture import Picture
from mission.dictionary import Dictionary
from mission.profiles import PROFILES

# What the station told is in memory: a month of a noisy link.
EVENTS_MAX = 1_000_000

Told = tuple[int, dict[str, Any]]
"""When, in Unix nanoseconds, and what, as `ground.events.plain` gives it, with its line."""


class Replay:
    """One replay.

    Args:
        history: What is read, as it goes on.
        dictionary: The words of the mission.
        start_unix_ns: When it begins.
        end_unix_ns: When it ends.

    Raises:
        MisuseError: There is no time between them.
    """

    def __init__(self, history: History, dictionary: Dictionary, start_unix_ns: int, end_unix_ns: int) -> None:
        if not start_unix_ns < end_unix_ns:
            raise MisuseError(f"replay: expected a start before its end, found {start_unix_ns} and {end_unix_ns}")
        self._history = history
        self._picture = Picture(dictionary)
        # How frames were coded does not matter to packets.
        self._downlink = Downlink(PROFILES["serial"], dictionary)
        self._told = self._merged(start_unix_ns, end_unix_ns)
        self._next = next(self._told, None)

    @property
    def next_unix_ns(self) -> int | None:
        """When the next thing was, or None if all is told."""
        return None if self._next is None else self._next[0]

    def advance(self, unix_ns: int) -> Iterator[Told]:
        """Tell what was until a time, that included.

        Raises:
            MalformedError: The archive is damaged.
        """
        while self._next is not None and self._next[0] <= unix_ns:
            at_ns, told, event = self._next
            if event is not None:
                self._picture.learn(event, at_ns)
            self._next = next(self._told, None)
            yield at_ns, told

    def snapshot(self) -> dict[str, Any]:
        """Give what the station knew of its spacecraft at that time, in plain values."""
        return self._picture.snapshot()

    def _merged(
        self, start_unix_ns: int, end_unix_ns: int
    ) -> Iterator[tuple[int, dict[str, Any], StationEvent | None]]:
        events = self._history.events(EVENTS_MAX, start_ns=start_unix_ns, end_ns=end_unix_ns)
        # What the spacecraft reported, its packets tell.
        own = (
            (each.unix_ns, {**each.content, "line": each.text}, None)
            for each in reversed(events)
            if each.kind not in ("EventReported", "HousekeepingReceived", "ReportReceived")
        )
        reports = self._history.reports.between(tai_ns_from_unix(start_unix_ns), tai_ns_from_unix(end_unix_ns))
        return heapq.merge((self._tell(each) for each in reports), own, key=itemgetter(0))

    def _tell(self, report: Report) -> tuple[int, dict[str, Any], StationEvent | None]:
        unix_ns = unix_ns_from_tai(report.tai_ns)
        values = msgspec.json.decode(report.content)
        event = self._read(report, unix_ns)
        # Of a structure that was made in flight only the archive knows by now what is in it.
        if event is not None and event.values.keys() == values.keys():
            return unix_ns, {**plain(event), "line": str(event)}, event
        line = f"{report.name} {' '.join(f'{name}={value}' for name, value in values.items())}"
        told = {"type": "Archived", "time_ns": unix_ns, "tai_ns": report.tai_ns, "name": report.name, "values": values}
        return unix_ns, {**told, "line": line}, None

    def _read(self, report: Report, unix_ns: int) -> ReportReceived | HousekeepingReceived | EventReported | None:
        if not report.octets:
            return None
        try:
            return self._downlink.read(report.octets, report.virtual_channel, unix_ns)
        except MalformedError:  # The dictionary is another one by now.
            return None

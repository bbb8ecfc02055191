"""All that the pages show, kept up to date from what the station says, once for all browsers.

It begins with what the archive holds, so that a browser that opens late finds what happened before it. What is read
back from the archive, at the start or in a replay, is `recalled`; what the station says now is `taken`.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

from ccsds.time import unix_ns_from_tai
from ground.alarms.events import DerivedComputed
from ground.archive.history import CommandRecord, EventRecord, History, PacketRecord, StageRecord
from ground.console.contacts import Contacts
from ground.console.curves import Curves
from ground.console.log import Log
from ground.console.orders import Orders
from ground.console.packets import Packets
from ground.console.series import Series
from ground.console.talk import Talk
from ground.console.transfers import Transfers
from ground.events import (
    CommandIssued,
    CommandStaged,
    EventReported,
    FrameReceived,
    HousekeepingReceived,
    LinkChanged,
    LinkState,
    ReportReceived,
    Stage,
    StationEvent,
)
from ground.jobs import JobBook
from mission.definition import DICTIONARY
from mission.field_types import Enumerated

NS_PER_S = 1_000_000_000

# What is taken from the archive at the start: enough to fill every list, and read in a moment.
RESTORED_MAX = 2_000

# Seconds in which something came, for the plot of the rate: an hour.
SECONDS_MAX = 3_600

# The rate of the downlink is counted over this.
RATE_WINDOW_NS = 5 * NS_PER_S

HOUSEKEEPING_SERVICE = 3

_PERIOD_OF = {each.name: each.period_ns for each in DICTIONARY.structures.values()}

_ENUMERATED = {
    each.name: each.shape.type.members
    for each in DICTIONARY.parameters.values()
    if isinstance(each.shape.type, Enumerated)
}


class Feed:
    """The console's picture of one station."""

    def __init__(self) -> None:
        self.series = Series()
        self.log = Log()
        self.orders = Orders()
        self.curves = Curves()
        self.contacts = Contacts()
        self.packets = Packets()
        self.talk = Talk()
        self.transfers = Transfers()
        self.jobs = JobBook()
        """Jobs as the station's own book has them; used where what is shown is not the station's present."""
        self._arrivals: deque[tuple[int, int]] = deque()
        self._seconds: deque[list[int]] = deque(maxlen=SECONDS_MAX)

    def take(self, events: Iterable[StationEvent], unix_ns: int, now_ns: int) -> None:
        """Take in what the station says.

        Args:
            events: In order.
            unix_ns: Unix time now.
            now_ns: The station's time now.
        """
        for event in events:
            heard_ns = unix_ns - (now_ns - event.time_ns)
            self.contacts.note(event, heard_ns)
            if not self._is_routine(event):
                self.log.note(event, heard_ns)
            self.packets.note(event, heard_ns)
            self.transfers.note(event, heard_ns)
            match event:
                case FrameReceived():
                    self._arrivals.append((event.time_ns, len(event.octets)))
                    self._count(heard_ns, len(event.octets))
                case CommandIssued() | CommandStaged():
                    self.orders.note(event, heard_ns)
                    self.talk.command(event, heard_ns)
                case HousekeepingReceived():
                    made_ns = _made_ns(event, unix_ns, now_ns)
                    self.series.note(event.name, event.values, made_ns, event.tai_ns, _PERIOD_OF.get(event.name))
                case DerivedComputed():
                    made_ns = _made_ns(event, unix_ns, now_ns)
                    self.series.note("derived", event.values, made_ns, event.tai_ns)
                case ReportReceived() | EventReported():
                    made_ns = _made_ns(event, unix_ns, now_ns)
                    self.curves.note(event.name, event.values, made_ns)
                    if isinstance(event, EventReported):
                        self.talk.event(event.name, event.values)
                    else:
                        self.talk.report(event.name, event.values, heard_ns)

    def restore(self, history: History) -> None:
        """Take in what the archive holds, before anything is taken."""
        for command in reversed(history.commands(RESTORED_MAX)):
            self.recall_command(command, None)
            for stage in command.stages:
                self.recall_command(command, stage)
        self.transfers.restore(reversed(history.transfers(RESTORED_MAX)))
        for packet in reversed(history.packets(limit=RESTORED_MAX)):
            self.recall_report(packet, packet.generated_unix_ns or packet.unix_ns)
        for event in reversed(history.events(RESTORED_MAX)):
            self.recall_event(event)
        # A station that did not say that the link went down was ended before it could.
        current = self.contacts.current
        if current is not None:
            last_ns = max((line.unix_ns for line in self.log), default=current.begin_unix_ns)
            self.contacts.note(LinkChanged(time_ns=0, state=LinkState.DOWN), last_ns)

    def recall_report(self, record: PacketRecord, made_ns: int) -> None:
        """Take in a report that the archive kept.

        Args:
            record: The report.
            made_ns: When it was made, in Unix time.
        """
        if record.service == HOUSEKEEPING_SERVICE:
            values = {name: _as_told(name, value) for name, value in record.values.items()}
            self.series.note(record.name, values, made_ns, record.tai_ns, _PERIOD_OF.get(record.name))
        else:
            self.curves.note(record.name, record.values, made_ns)
            self.jobs.note(record.name, record.values, record.tai_ns)
            self.talk.report(record.name, record.values, record.unix_ns)
        self.packets.recall(record)

    def recall_event(self, record: EventRecord) -> None:
        """Take in an event that the archive kept."""
        self.log.recall(record)
        match record.kind:
            case "LinkChanged":
                self.contacts.note(LinkChanged(time_ns=0, state=LinkState[record.content["state"]]), record.unix_ns)
            case "EventReported":
                name, values = record.content["name"], record.content["values"]
                tai_ns = record.content["tai_ns"]
                self.curves.note(name, values, unix_ns_from_tai(tai_ns) if tai_ns else record.unix_ns)
                self.jobs.note(name, values, tai_ns)
                self.talk.event(name, values)

    def recall_command(self, record: CommandRecord, stage: StageRecord | None) -> None:
        """Take in a command that the archive kept, or a stage that it came to."""
        self.orders.recall(record, stage)
        if stage is None:
            self.talk.recall_prompt(record)
        else:
            staged = CommandStaged(
                time_ns=0,
                command_id=record.command_id,
                name=record.name,
                sequence_count=record.sequence_count,
                stage=stage.stage,
                attempt=stage.attempt,
                text=stage.text,
            )
            self.talk.command(staged, stage.unix_ns)

    def downlink_rate_bps(self, now_ns: int) -> float:
        """Give the rate of good frames over the latest seconds."""
        while self._arrivals and self._arrivals[0][0] < now_ns - RATE_WINDOW_NS:
            self._arrivals.popleft()
        return 8 * sum(octets for _, octets in self._arrivals) * NS_PER_S / RATE_WINDOW_NS

    def rates_bps(self, from_s: float, to_s: float, step_s: int) -> list[tuple[float, float]]:
        """Give the rate of good frames over a span of Unix time, in steps of some seconds, from the first frame on."""
        first = self._seconds[0][0] if self._seconds else int(to_s)
        steps = dict.fromkeys(range(max(int(from_s), first) // step_s, int(to_s) // step_s), 0)
        for second, octets in self._seconds:
            if second // step_s in steps:
                steps[second // step_s] += octets
        return [(step * step_s, 8 * octets / step_s) for step, octets in steps.items()]

    def _count(self, unix_ns: int, octets: int) -> None:
        second = unix_ns // NS_PER_S
        if not self._seconds or self._seconds[-1][0] < second:
            self._seconds.append([second, 0])
        self._seconds[-1][1] += octets

    def _is_routine(self, event: StationEvent) -> bool:
        """Tell whether an event only says that what the station gave by itself went well."""
        if not isinstance(event, CommandStaged) or event.stage is not Stage.COMPLETED:
            return False
        order = self.orders.get(event.command_id)
        return order is not None and order.is_automatic


def _made_ns(
    event: HousekeepingReceived | ReportReceived | EventReported | DerivedComputed, unix_ns: int, now_ns: int
) -> int:
    """Give the Unix time at which a report was made on board, or came if that is not known."""
    if event.generated_ns is None:
        return unix_ns - (now_ns - event.time_ns)
    return unix_ns - (now_ns - event.generated_ns)


def _as_told(name: str, value: Any) -> Any:
    """Give a value as the station told it: the archive has the names of what is enumerated."""
    if not isinstance(value, str) or name not in _ENUMERATED:
        return value
    return _ENUMERATED[name].__members__.get(value, value)

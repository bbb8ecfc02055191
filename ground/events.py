"""What a station gives out: one frozen record for each thing that happens, each with a one-line text.

It decides nothing and touches nothing. `plain` is the one way from a record to what JSON can carry: octets become
hexadecimal, not-a-number becomes null, and members of enumerations go by their names. ``time_ns`` is always the
station's own ``now_ns``; ``tai_ns`` is on-board time, in nanoseconds of TAI since 1958.
"""

import math
from collections.abc import Mapping, Sequence
from enum import Enum, IntEnum
from typing import Any

import msgspec

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from mission.dictionary import Severity
from mission.housekeeping import StructureKind
from mission.storage import Gone, StoreId

# What a record says is decoded from its packet; told to everybody, it would only double the traffic.
_UNTOLD = frozenset({"packet"})

_PLAIN_TYPES = frozenset({int, float, str, bool, type(None)})
# Of these, `plain` leaves all but numbers that may be none as they are.
_KEPT_TYPES = _PLAIN_TYPES - {float}

_ENCODER = msgspec.json.Encoder()

# A line of a terminal; the whole value is in the record itself.
SHOWN_CHARACTERS_MAX = 60


class Stage(IntEnum):
    """How far a command is known to have come."""

    QUEUED = 0
    """It waits for contact, for COP-1, or for its turn."""
    RELEASED = 1
    """The transmitter has pulled its frame."""
    DELIVERED = 2
    """COP-1 acknowledged its frame: it is on board. That is no acceptance: the CLCW is not protected."""
    ACCEPTED = 3
    STARTED = 4
    PROGRESSED = 5
    COMPLETED = 6
    REFUSED = 7
    """Its acceptance failed; nothing was done."""
    FAILED = 8
    """It was accepted, and then its start, progress or completion failed."""
    LOST = 9
    """No answer came after the last try; what it did is not known."""


FINAL = frozenset({Stage.COMPLETED, Stage.REFUSED, Stage.FAILED, Stage.LOST})
"""Where a command ends."""


class SegmentCause(Enum):
    """Why the on-board clock is on another line from now on."""

    FIRST = "first time report"
    DETECTED = "time reports agree on another offset"
    ANNOUNCED = "the spacecraft says that its clock was set"


class LinkState(Enum):
    """Whether the spacecraft is heard."""

    DOWN = "down"
    UP = "up"


class StationEvent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What all records share."""

    time_ns: int


class CommandIssued(StationEvent, frozen=True, kw_only=True, tag=True):
    """A command got its identity; its octets stay the same in every try."""

    command_id: int
    name: str
    arguments: dict[str, Any]
    service: Service
    source_id: int
    sequence_count: int
    octets: bytes
    is_automatic: bool = False
    """Whether the station gave it by itself."""

    def __str__(self) -> str:
        given = " ".join(f"{name}={show(value)}" for name, value in self.arguments.items())
        automatic = ", automatic" if self.is_automatic else ""
        return f"command {self.command_id} {self.name}{' ' if given else ''}{given} [{self.sequence_count}]{automatic}"


class CommandStaged(StationEvent, frozen=True, kw_only=True, tag=True):
    """A command came to a stage, or was sent again."""

    command_id: int
    name: str
    sequence_count: int
    stage: Stage
    attempt: int
    text: str = ""

    def __str__(self) -> str:
        attempt = f" (try {self.attempt})" if self.attempt > 1 else ""
        text = f": {self.text}" if self.text else ""
        return f"command {self.command_id} {self.name} {self.stage.name}{attempt}{text}"


class StoredAt(msgspec.Struct, frozen=True):
    """The place of a packet on board."""

    store: StoreId
    sequence: int


class ReportReceived(StationEvent, frozen=True, kw_only=True, tag=True):
    """A telemetry report came, verification reports included."""

    tai_ns: int
    virtual_channel: int
    apid: int
    service: int
    subtype: int
    name: str
    values: dict[str, Any]
    stored: StoredAt | None = None
    """Where it is stored on board, if it was played back."""
    identity: bytes = b""
    """The same for a report that came live and was played back: a digest of all but its counts."""
    generated_ns: int | None = None
    """When it was made on board, by the station's clock; None if the clocks are not correlated."""
    packet: bytes = b""
    """The packet itself, which the archive keeps; it is not told (`plain` leaves it out)."""

    def __str__(self) -> str:
        given = " ".join(f"{name}={show(value)}" for name, value in self.values.items())
        return f"report [{self.service},{self.subtype}] {self.name} {given}".rstrip()


class HousekeepingReceived(StationEvent, frozen=True, kw_only=True, tag=True):
    """A housekeeping report came."""

    tai_ns: int
    virtual_channel: int
    kind: StructureKind
    structure: int
    name: str
    values: dict[str, Any]
    stored: StoredAt | None = None
    """Where it is stored on board, if it was played back."""
    identity: bytes = b""
    """The same for a report that came live and was played back: a digest of all but its counts."""
    generated_ns: int | None = None
    """When it was made on board, by the station's clock; None if the clocks are not correlated."""
    packet: bytes = b""
    """The packet itself, which the archive keeps; it is not told (`plain` leaves it out)."""

    def __str__(self) -> str:
        given = " ".join(f"{name}={show(value)}" for name, value in self.values.items())
        return f"{self.kind.name.lower()} {self.structure} {self.name} {given}"


class EventReported(StationEvent, frozen=True, kw_only=True, tag=True):
    """The spacecraft reported an event."""

    tai_ns: int
    virtual_channel: int
    severity: Severity
    name: str
    text: str
    values: dict[str, Any]
    stored: StoredAt | None = None
    """Where it is stored on board, if it was played back."""
    identity: bytes = b""
    """The same for a report that came live and was played back: a digest of all but its counts."""
    generated_ns: int | None = None
    """When it was made on board, by the station's clock; None if the clocks are not correlated."""
    packet: bytes = b""
    """The packet itself, which the archive keeps; it is not told (`plain` leaves it out)."""

    def __str__(self) -> str:
        return f"event {self.severity.name} {self.name}: {self.text}"


class FrameReceived(StationEvent, frozen=True, kw_only=True, tag=True):
    """A good TM frame came."""

    virtual_channel: int
    corrected: int
    octets: bytes

    def __str__(self) -> str:
        return f"frame of virtual channel {self.virtual_channel}, {self.corrected} symbols corrected"


class FrameRejected(StationEvent, frozen=True, kw_only=True, tag=True):
    """Something that should have been a TM frame was not."""

    reason: str

    def __str__(self) -> str:
        return f"frame rejected: {self.reason}"


class FramesMissed(StationEvent, frozen=True, kw_only=True, tag=True):
    """The frame counter of a virtual channel jumped."""

    virtual_channel: int
    count: int

    def __str__(self) -> str:
        return f"{self.count} frames of virtual channel {self.virtual_channel} missed"


class PacketsMissed(StationEvent, frozen=True, kw_only=True, tag=True):
    """The sequence count of an application jumped."""

    virtual_channel: int
    apid: int
    count: int

    def __str__(self) -> str:
        return f"{self.count} packets of APID {self.apid:#x} on virtual channel {self.virtual_channel} missed"


class PacketRejected(StationEvent, frozen=True, kw_only=True, tag=True):
    """A packet in a good frame could not be understood."""

    virtual_channel: int
    reason: str

    def __str__(self) -> str:
        return f"packet of virtual channel {self.virtual_channel} rejected: {self.reason}"


class StoreNoted(StationEvent, frozen=True, kw_only=True, tag=True):
    """What is known of a packet store on board, as it is confirmed; numbers in half open ranges."""

    store: StoreId
    here: list[tuple[int, int]]
    overwritten: list[tuple[int, int]]
    lost: list[tuple[int, int]]
    confirmed: int

    def __str__(self) -> str:
        return f"store {self.store.name}: everything before {self.confirmed} is here or gone"


class StoredPacketsGone(StationEvent, frozen=True, kw_only=True, tag=True):
    """Stored packets will never come."""

    store: StoreId
    first: int
    last: int
    count: int
    gone: Gone

    def __str__(self) -> str:
        how = "were overwritten" if self.gone is Gone.OVERWRITTEN else "are lost on board, or never were"
        return f"store {self.store.name}: {self.count} packets from {self.first} to {self.last} {how}"


class StoreRestarted(StationEvent, frozen=True, kw_only=True, tag=True):
    """A packet store on board is another one than before."""

    store: StoreId
    next: int

    def __str__(self) -> str:
        return f"store {self.store.name} began anew: its next number is {self.next}"


class LinkChanged(StationEvent, frozen=True, kw_only=True, tag=True):
    """The spacecraft is heard again, or no longer."""

    state: LinkState

    def __str__(self) -> str:
        return f"link {self.state.name}"


class BeaconHeard(StationEvent, frozen=True, kw_only=True, tag=True):
    """A line of plain text came, as anybody may send it: shown and kept, never believed."""

    text: str

    def __str__(self) -> str:
        return f"beacon: {self.text}"


class DictionaryDiffers(StationEvent, frozen=True, kw_only=True, tag=True):
    """The spacecraft was built with another dictionary than the station."""

    expected: bytes
    found: bytes

    def __str__(self) -> str:
        return (
            f"dictionary differs: expected {self.expected.hex()} as in this station, found {self.found.hex()} on board"
        )


class TimeSegmentBegan(StationEvent, frozen=True, kw_only=True, tag=True):
    """The on-board clock is correlated anew."""

    cause: SegmentCause
    step_ns: int
    """By how much it was put forward, as far as that is known."""

    def __str__(self) -> str:
        return f"on-board clock: {self.cause.value}, step {self.step_ns / 1e9:+.6f} s"


class CopAlert(StationEvent, frozen=True, kw_only=True, tag=True):
    """COP-1 gave up its AD service; the station begins it anew."""

    reason: str

    def __str__(self) -> str:
        return f"COP-1 alert: {self.reason}"


class CopInitialised(StationEvent, frozen=True, kw_only=True, tag=True):
    """The AD service of COP-1 is there."""

    def __str__(self) -> str:
        return "COP-1 initialised"


class PortReported(StationEvent, frozen=True, kw_only=True, tag=True):
    """The port of the link came, or went."""

    text: str

    def __str__(self) -> str:
        return self.text


class KeyChanged(StationEvent, frozen=True, kw_only=True, tag=True):
    """The operator has activated, deactivated or destroyed a key of the ground."""

    spi: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"key of SPI {self.spi} at the ground: {self.before} -> {self.after}"


class ArchiveFailed(StationEvent, frozen=True, kw_only=True, tag=True):
    """The archive of the station could not be written; the link goes on without it."""

    reason: str

    def __str__(self) -> str:
        return f"archive failed: {self.reason}"


class ArchiveRegained(StationEvent, frozen=True, kw_only=True, tag=True):
    """The archive of the station can be written again, and what waited for it has been."""

    waited: int
    """Events that waited; telemetry is not among them, and is asked for again where the spacecraft stores it."""
    dropped: int = 0
    """Events that waited and had to make room for others."""

    def __str__(self) -> str:
        dropped = f", and lost before them: {self.dropped}" if self.dropped else ""
        return f"archive written again; events that waited: {self.waited}{dropped}"


def plain(value: Any) -> Any:
    """Give a record, or any value in one, as what JSON can carry; a record's kind is under ``type``.

    Raises:
        MisuseError: The value is of a kind that no record holds.
    """
    match value:
        case None | bool() | str():
            return value
        case Enum():
            return value.name
        case int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case bytes() | bytearray():
            return value.hex()
        case msgspec.Struct():
            told: dict[str, Any] = {"type": type(value).__name__}
            for name in value.__struct_fields__:
                if name not in _UNTOLD:
                    each = getattr(value, name)
                    told[name] = each if type(each) in _KEPT_TYPES else plain(each)
            return told
        case dict() | Mapping():
            return {str(name): each if type(each) in _KEPT_TYPES else plain(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [each if type(each) in _KEPT_TYPES else plain(each) for each in value]
    raise MisuseError(f"expected a value that JSON can carry, found {type(value).__name__}")


def encode_json(value: Any) -> bytes:
    """Give a record, or any value in one, as one line of JSON, without the line's end."""
    return msgspec.json.encode(plain(value))


def encode_values(values: Mapping[str, Any]) -> bytes:
    """Give the values of a report as `encode_json` does; most of them are plain already, so it is faster."""
    if _PLAIN_TYPES.issuperset(map(type, values.values())):
        return msgspec.json.encode(values)
    others = {name: _told(value) for name, value in values.items() if type(value) not in _PLAIN_TYPES}
    return msgspec.json.encode({**values, **others})


def encode_values_of_all(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the values of each of some reports as `encode_values` does.

    What is not plain is looked for by field, so many reports of one structure take a third of the time.
    """
    names = tuple(reports[0])
    if any(tuple(report) != names for report in reports):
        return [encode_values(report).decode() for report in reports]
    columns = zip(*(report.values() for report in reports), strict=True)
    others = {
        name: [_told(value) for value in column]
        for name, column in zip(names, columns, strict=False)
        if not _PLAIN_TYPES.issuperset(map(type, column))
    }
    if others:
        rows = zip(reports, zip(*others.values(), strict=True), strict=True)
        reports = [{**report, **dict(zip(others, told, strict=True))} for report, told in rows]
    # One call for all; there is no other end of a line in JSON.
    return _ENCODER.encode_lines(reports).decode().split("\n")[:-1]


def _told(value: Any) -> Any:
    return value.hex() if type(value) is bytes else value._name_ if isinstance(value, Enum) else plain(value)


def one_line(text: str) -> str:
    """Give text that came from outside as one line that a terminal can show."""
    return "".join(each if each.isprintable() else " " for each in text).strip()


def show(value: Any) -> str:
    """Give one decoded value as a person reads it, kept to one line."""
    match value:
        case Enum():
            return value.name
        case bytes():
            return value.hex() or "-"
        case float():
            return f"{value:.6g}"
        case str():
            return repr(value) if len(value) <= SHOWN_CHARACTERS_MAX else repr(value[:SHOWN_CHARACTERS_MAX]) + "..."
    return str(value)

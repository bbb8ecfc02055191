"""The way down: octets of the line -> TM frames -> CLCWs, SDLS, packets -> reports in the dictionary's words.

Whatever the line brings, nothing raises: what cannot be understood is given out with a reason, and counted. It decides
nothing about what it reads; the station does. With keys, nothing is read of a frame that is not authentic and new: it
is no sign of life, and its CLCW is not used. Idle frames that travel clear are counted. Source: CCSDS 131.0-B-5
(coding), 132.0-B-3 (frames), 355.0-B-2 (SDLS), 133.0-B-2 (packets), ECSS-E-ST-70-41C (reports).
"""

import hashlib
from collections import Counter, deque
from dataclasses import dataclass

import msgspec

from ccsds import sync, tm_packets
from ccsds.clcw import Clcw
from ccsds.crc import CRC16_OCTETS
from ccsds.errors import MalformedError
from ccsds.packet import APID_MAX, SEQUENCE_COUNT_MAX, PacketType, SequenceFlags, SpacePacket
from ccsds.pus import verification
from ccsds.pus.telemetry import Telemetry
from ccsds.pus.time_report import TimeReport
from ccsds.pus.verification import VerificationReport
from ccsds.sdls.receiver import Refused
from ccsds.sdls.security import Security
from ccsds.tm_frame import ONLY_IDLE, TmFrame
from ccsds.tm_packets import PacketAssembler
from ground.events import (
    EventReported,
    FrameReceived,
    FrameRejected,
    FramesMissed,
    HousekeepingReceived,
    PacketRejected,
    PacketsMissed,
    ReportReceived,
    StationEvent,
    StoredAt,
    one_line,
)
from ground.link_statistics import LinkStatistics
from ground.structures import StructureBook
from mission.channels import SPACECRAFT_ID, Apid
from mission.channels import Downlink as Channel
from mission.dictionary import Dictionary, Severity
from mission.housekeeping import KIND_OF_REPORT, StructureKind
from mission.profiles import LinkProfile
from mission.time import TimeStatus

EVENT_SERVICE = 5
STORAGE_CONTENT = "storage_content"

# Two of a million reports share these with a chance of one in ten million.
IDENTITY_OCTETS = 8
_REPORTS = ReportReceived | HousekeepingReceived | EventReported
TIME_SERVICE = 9
CUC_TIME_REPORT = 2
TIME_REPORT = "time_report"

# A time report follows its frame by a few frames, or it is replaced by the next one; half a turn of the frame count.
FRAMES_REMEMBERED_MAX = 128
_EVENT_NUMBER_OCTETS = 2


@dataclass(frozen=True, slots=True)
class Verified:
    """An ST[01] report, for the tracker."""

    destination_id: int
    """The source identifier of the telecommand that it is about."""
    report: VerificationReport
    tai_ns: int
    """On-board time at which it was made."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame came that shows that the spacecraft is there: with keys one that is authentic and new, else any."""


@dataclass(frozen=True, slots=True)
class FilePdu:
    """A PDU of CFDP, for the station's entity."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class PlayedBack:
    """A stored packet, and what it says."""

    at: StoredAt
    items: "tuple[Item, ...]"


@dataclass(frozen=True, slots=True)
class LiveCount:
    """By what the spacecraft tells of a packet that came live."""

    count: int
    crc: int


Item = StationEvent | Heard | Clcw | Verified | FilePdu | PlayedBack | LiveCount
"""What comes out, in the order in which it came in."""


class Downlink:
    """The receiving half of a station.

    Args:
        profile: How the link is run.
        dictionary: The words of the mission.
        security: The keys of this end, or None on a bench: then every frame counts as authentic.
    """

    def __init__(self, profile: LinkProfile, dictionary: Dictionary, security: Security | None = None) -> None:
        self._security = security
        self._dictionary = dictionary
        self.structures = StructureBook(dictionary)
        """What report structures are made of."""
        self._deframer = sync.TmDeframer(profile.tm_coding)
        self._assemblers: dict[int, PacketAssembler] = {}
        # The latest live frames without a gap between them: their counts, and when they were whole.
        self._live_frames: deque[tuple[int, int]] = deque(maxlen=FRAMES_REMEMBERED_MAX)
        self._items: list[Item] = []
        self._counters: Counter[str] = Counter()
        self.statistics = LinkStatistics()
        """What came and what did not, by virtual channel."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take in octets of the line."""
        self._counters["octets_received"] += len(data)
        self._deframer.receive(data)
        for event in self._deframer.take_events():
            if isinstance(event, sync.FrameRejected | sync.FrameDropped):
                # The deframer counts them itself: of those that are too many, it tells only the first.
                self._items.append(FrameRejected(time_ns=now_ns, reason=one_line(str(event))))
        for octets, corrected in self._deframer.take():
            self._take_frame(octets, corrected, now_ns)

    @property
    def counters(self) -> dict[str, int]:
        """What was received and rejected so far, those rejects counted too that were too many to be told one by one."""
        counts = self._deframer.counts
        deframer_rejected = counts.uncorrectable + counts.markers_missing + counts.frames_dropped
        return {
            "octets_received": self._counters["octets_received"],
            "frames_received": self._counters["frames_received"],
            "frames_rejected": self._counters["frames_rejected"] + deframer_rejected,
            "frames_clear": self._counters["frames_clear"],
            "symbols_corrected": self._counters["symbols_corrected"],
            "locks_lost": counts.locks_lost,
            "markers_skipped": counts.markers_skipped,
            "packets_received": self._counters["packets_received"],
            "packets_rejected": self._counters["packets_rejected"],
        }

    def take(self) -> list[Item]:
        """Give what came out since the last call."""
        items, self._items = self._items, []
        return items

    def read(
        self, packet: bytes, virtual_channel: int, now_ns: int
    ) -> ReportReceived | HousekeepingReceived | EventReported:
        """Read one packet that was received before, or one that was played back, in the dictionary's words.

        Raises:
            MalformedError: It is no telemetry of this mission.
        """
        if _apid(packet) == Apid.TIME:
            return self._decode_time_report(packet, virtual_channel, now_ns)
        found = self._decode_report(Telemetry.decode(packet), packet, virtual_channel, now_ns)
        return next(each for each in found if isinstance(each, _REPORTS))

    def _take_frame(self, octets: bytes, corrected: int, now_ns: int) -> None:
        try:
            frame = TmFrame.decode(octets)
            if frame.spacecraft_id != SPACECRAFT_ID:
                raise MalformedError(f"TM frame: expected spacecraft {SPACECRAFT_ID}, found {frame.spacecraft_id}")
        except MalformedError as error:
            self._reject_frame(str(error), now_ns)
            return
        self._counters["frames_received"] += 1
        self._counters["symbols_corrected"] += corrected
        self._items.append(
            FrameReceived(
                time_ns=now_ns, virtual_channel=frame.virtual_channel, corrected=corrected, octets=bytes(octets)
            )
        )
        is_repeated = self.statistics.frame(frame.virtual_channel, bytes(octets), corrected)
        if is_repeated and self._security is None:
            # With keys the anti-replay window says so.
            self._reject_frame("expected another frame, found the last one of its channel once more", now_ns)
            return
        if self._security is not None:
            if _is_idle(frame):
                # Anyone can make one, so it is no sign of life.
                self._counters["frames_clear"] += 1
                return
            judged = self._security.receiver.process_tm(frame)
            if isinstance(judged, Refused):
                self.statistics.refused(frame.virtual_channel)
                self._reject_frame(f"SDLS: {judged}", now_ns)
                return
            frame = judged.frame
        self._items.append(Heard())
        if frame.ocf is not None:
            try:
                self._items.append(Clcw.decode(frame.ocf))
            except MalformedError as error:
                self._reject_packet(frame.virtual_channel, str(error), now_ns)
        self._take_packets(frame, now_ns)
        if frame.virtual_channel == Channel.LIVE:
            self._live_frames.append((frame.vc_count, now_ns))

    def _take_packets(self, frame: TmFrame, now_ns: int) -> None:
        assembler = self._assemblers.setdefault(frame.virtual_channel, PacketAssembler())
        packets = assembler.receive(frame.data, frame.first_header_pointer, frame.vc_count)
        for trouble in assembler.take_events():
            match trouble:
                case tm_packets.FrameGap():
                    if frame.virtual_channel == Channel.LIVE:
                        # How many times the count went round meanwhile, it does not tell.
                        self._live_frames.clear()
                    self.statistics.gap(frame.virtual_channel, trouble.frames_count)
                    self._items.append(
                        FramesMissed(time_ns=now_ns, virtual_channel=frame.virtual_channel, count=trouble.frames_count)
                    )
                case tm_packets.OctetsDropped():
                    self._reject_packet(frame.virtual_channel, str(trouble), now_ns)
        for packet in packets:
            missed = self.statistics.packet(frame.virtual_channel, _apid(packet), _sequence_count(packet))
            if missed:
                self._items.append(
                    PacketsMissed(
                        time_ns=now_ns, virtual_channel=frame.virtual_channel, apid=_apid(packet), count=missed
                    )
                )
            try:
                items = self._decode(packet, frame.virtual_channel, now_ns)
            except MalformedError as error:
                self._reject_packet(frame.virtual_channel, str(error), now_ns)
            else:
                self._counters["packets_received"] += 1
                self._items += items

    def _decode(self, packet: bytes, virtual_channel: int, now_ns: int) -> list[Item]:
        """Read one packet in the dictionary's words.

        Raises:
            MalformedError: It is no telemetry of this mission.
        """
        if _apid(packet) == Apid.TIME and virtual_channel == Channel.LIVE:
            return [self._decode_time_report(packet, virtual_channel, now_ns)]
        is_of_files = _apid(packet) == Apid.CFDP
        if is_of_files is not (virtual_channel == Channel.FILES):
            expected = "of CFDP" if virtual_channel == Channel.FILES else "of PUS telemetry"
            raise MalformedError(f"expected packets {expected} on this channel, found APID {_apid(packet):#x}")
        if is_of_files:
            return [_file_pdu(packet)]
        telemetry = Telemetry.decode(packet)
        if virtual_channel == Channel.PLAYBACK:
            return self._decode_content(telemetry, now_ns)
        count = (
            [LiveCount(telemetry.sequence_count, int.from_bytes(packet[-CRC16_OCTETS:], "big"))]
            if virtual_channel == Channel.LIVE
            else []
        )
        return [*count, *self._decode_report(telemetry, packet, virtual_channel, now_ns)]

    def _decode_content(self, telemetry: Telemetry, now_ns: int) -> list[Item]:
        """Read the stored packets in one of playback; one that is damaged is rejected alone.

        Raises:
            MalformedError: It is no playback.
        """
        declared = self._dictionary.report_of(telemetry.service, telemetry.subtype)
        if declared.name != STORAGE_CONTENT:
            raise MalformedError(f"expected {STORAGE_CONTENT} on the channel of playback, found {declared.name}")
        values = declared.fields.decode(telemetry.data)
        items: list[Item] = []
        for row in values["packets"]:
            at = StoredAt(values["store"], row["sequence"])
            try:
                stored = Telemetry.decode(row["packet"])
                found = self._decode_report(stored, row["packet"], int(Channel.PLAYBACK), now_ns)
            except MalformedError as error:
                # It came as it is on board; asking for it again would bring the same. So it counts as come.
                self._reject_packet(int(Channel.PLAYBACK), f"stored packet {at.sequence}: {error}", now_ns)
                found = []
            placed = (
                msgspec.structs.replace(each, stored=at) if isinstance(each, _REPORTS) else each for each in found
            )
            items.append(PlayedBack(at, tuple(placed)))
        return items

    def _decode_report(self, telemetry: Telemetry, packet: bytes, virtual_channel: int, now_ns: int) -> list[Item]:
        """Read one report.

        Raises:
            MalformedError: It is none of this mission.
        """
        message_type = (telemetry.service, telemetry.subtype)
        if telemetry.service == verification.SERVICE:
            report = VerificationReport.decode(telemetry.subtype, telemetry.data)
            name = f"verification_{report.stage.name.lower()}"
            values = {
                "apid": report.request_id.apid,
                "sequence_count": report.request_id.sequence_count,
                "step": report.step,
                "failure_code": report.failure_code,
                "failure_text": report.failure_text,
            }
            values = {name: value for name, value in values.items() if value not in (None, "")}
            event = _report_event(telemetry, packet, name, values, virtual_channel, now_ns)
            return [event, Verified(telemetry.destination_id, report, telemetry.time_tai_ns)]
        if telemetry.service == EVENT_SERVICE and telemetry.subtype in Severity.__members__.values():
            return [self._decode_event(telemetry, packet, virtual_channel, now_ns)]
        if message_type in KIND_OF_REPORT:
            kind = KIND_OF_REPORT[message_type]
            return [self._decode_housekeeping(kind, telemetry, packet, virtual_channel, now_ns)]
        declared = self._dictionary.report_of(*message_type)
        values = declared.fields.decode(telemetry.data)
        self.structures.learn_report(declared.name, values)
        return [_report_event(telemetry, packet, declared.name, values, virtual_channel, now_ns)]

    def _decode_time_report(self, packet: bytes, virtual_channel: int, now_ns: int) -> ReportReceived:
        report = TimeReport.decode(packet)
        if report.status not in TimeStatus.__members__.values():
            raise MalformedError(f"time report: expected a status of this mission, found {report.status}")
        received = (at_ns for count, at_ns in reversed(self._live_frames) if count == report.frame_count)
        return ReportReceived(
            time_ns=now_ns,
            tai_ns=report.tai_ns,
            virtual_channel=virtual_channel,
            apid=Apid.TIME,
            service=TIME_SERVICE,
            subtype=CUC_TIME_REPORT,
            name=TIME_REPORT,
            values={
                "rate_exponent": report.rate_exponent,
                "status": TimeStatus(report.status),
                "frame_count": report.frame_count,
                "frame_time_ns": next(received, None),
            },
            packet=bytes(packet),
        )

    def _decode_event(self, telemetry: Telemetry, packet: bytes, virtual_channel: int, now_ns: int) -> EventReported:
        number = telemetry.data[:_EVENT_NUMBER_OCTETS]
        if len(number) < _EVENT_NUMBER_OCTETS:
            raise MalformedError(f"event report: expected {_EVENT_NUMBER_OCTETS} octets of number, found {len(number)}")
        declared = self._dictionary.event_of(int.from_bytes(number, "big"))
        values = declared.fields.decode(telemetry.data[_EVENT_NUMBER_OCTETS:])
        return EventReported(
            time_ns=now_ns,
            tai_ns=telemetry.time_tai_ns,
            virtual_channel=virtual_channel,
            severity=Severity(telemetry.subtype),
            name=declared.name,
            text=one_line(declared.describe(values)),
            values=values,
            identity=_identity(telemetry),
            packet=bytes(packet),
        )

    def _decode_housekeeping(
        self, kind: StructureKind, telemetry: Telemetry, packet: bytes, virtual_channel: int, now_ns: int
    ) -> HousekeepingReceived:
        number, name, values = self.structures.decode(kind, telemetry.data)
        return HousekeepingReceived(
            time_ns=now_ns,
            tai_ns=telemetry.time_tai_ns,
            virtual_channel=virtual_channel,
            kind=kind,
            structure=number,
            name=name,
            values=values,
            identity=_identity(telemetry),
            packet=bytes(packet),
        )

    def _reject_frame(self, reason: str, now_ns: int) -> None:
        self._counters["frames_rejected"] += 1
        self._items.append(FrameRejected(time_ns=now_ns, reason=one_line(reason)))

    def _reject_packet(self, virtual_channel: int, reason: str, now_ns: int) -> None:
        self._counters["packets_rejected"] += 1
        self._items.append(PacketRejected(time_ns=now_ns, virtual_channel=virtual_channel, reason=one_line(reason)))


def _apid(packet: bytes) -> int:
    return (packet[0] << 8 | packet[1]) & APID_MAX


def _sequence_count(packet: bytes) -> int:
    return (packet[2] << 8 | packet[3]) & SEQUENCE_COUNT_MAX


def _file_pdu(packet: bytes) -> FilePdu:
    """Take the PDU out of a packet.

    Raises:
        MalformedError: It is not one that holds a whole PDU and nothing else.
    """
    read = SpacePacket.decode(packet)
    if read.has_secondary_header or read.packet_type is not PacketType.TELEMETRY:
        raise MalformedError("CFDP: expected a telemetry packet without a secondary header, found another")
    if read.sequence_flags is not SequenceFlags.UNSEGMENTED:
        raise MalformedError(f"CFDP: expected an unsegmented packet, found {read.sequence_flags.name}")
    return FilePdu(read.data)


def _is_idle(frame: TmFrame) -> bool:
    """Tell whether a frame carries no packets by its own word, on the channel where such frames travel."""
    return frame.virtual_channel == Channel.IDLE and frame.first_header_pointer == ONLY_IDLE


def _report_event(
    telemetry: Telemetry, packet: bytes, name: str, values: dict, virtual_channel: int, now_ns: int
) -> ReportReceived:
    return ReportReceived(
        time_ns=now_ns,
        tai_ns=telemetry.time_tai_ns,
        virtual_channel=virtual_channel,
        apid=telemetry.apid,
        service=telemetry.service,
        subtype=telemetry.subtype,
        name=name,
        values=values,
        identity=_identity(telemetry),
        packet=bytes(packet),
    )


def _identity(telemetry: Telemetry) -> bytes:
    """Give a digest of what a report says, to whom and when, whatever its counts."""
    bare = msgspec.structs.replace(telemetry, sequence_count=0, message_counter=0)
    return hashlib.sha256(bare.encode()).digest()[:IDENTITY_OCTETS]

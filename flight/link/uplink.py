"""From octets of the line to packets: CLTU, TC frame, FARM-1 (one for each virtual channel), SDLS, packets.

By profile a telecommand may come in segments. Whatever is wrong with what came is counted and told as a `Rejected`
event, never raised. With keys, nothing of a frame gets further than link security unless it is authentic and new;
control commands to FARM-1 carry no data. Each virtual channel carries one kind of packet, telecommands or CFDP; one of
the other kind is refused. FARM-1 is never told to wait: what a frame brings is dealt with before the next one is looked
at, so there is always room, and a store that is full must not keep out the commands that make some.

Source: CCSDS 231.0-B-4 (CLTU), 232.0-B-4 (frame), 232.1-B-2 (FARM-1), 355.0-B-2 (SDLS), 133.0-B-2 (packet).
"""

from dataclasses import dataclass

from ccsds.cltu import CltuDeframer
from ccsds.cop1.farm import Farm, FarmConfig, FarmOutcome
from ccsds.errors import MalformedError
from ccsds.packet import IDLE_APID, PacketType, SpacePacket, split_packets
from ccsds.sdls.receiver import Refused
from ccsds.sdls.security import Security
from ccsds.sdls.window import Receipt
from ccsds.tc_frame import TcFrame
from ccsds.tc_segment import SEGMENT_HEADER_OCTETS
from flight.events import Event, Rejected
from flight.link.link_counts import LinkCounts
from flight.link.segments import SegmentReceiver
from mission.channels import SPACECRAFT_ID, Apid, Uplink
from mission.link import UplinkCount
from mission.profiles import LinkProfile

_KINDS = {Uplink.COMMANDS: "telecommands", Uplink.FILES: "CFDP"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one frame has brought."""

    channel: Uplink
    """On which it came."""
    packets: tuple[bytes, ...]
    """The packets in it, whole and in order: telecommands, or packets with a CFDP PDU each."""
    receipt: Receipt | None
    """What must be durable before any of them acts; None without keys."""


class UplinkReceiver:
    """The receiving end of the uplink.

    Args:
        profile: How the link is run.
        security: The keys of this end, or None on a bench: then every frame counts as authentic.
    """

    def __init__(self, profile: LinkProfile, security: Security | None = None) -> None:
        self._security = security
        self._deframer = CltuDeframer(randomized=profile.tc_randomized)
        self._farms = {
            channel: Farm(FarmConfig(virtual_channel=channel, window=profile.farm_window)) for channel in Uplink
        }
        self._segments = None if profile.tc_map is None else SegmentReceiver(profile.tc_map)
        if security is not None:
            security.require_segment_header(Uplink.COMMANDS, 0 if profile.tc_map is None else SEGMENT_HEADER_OCTETS)
        self._events: list[Event] = []
        self.counts = LinkCounts()
        self.accepted_count = 0
        self.rejected_count = 0
        self.misplaced_count = 0
        self.heard_ns: int | None = None
        """When a frame came last that is authentic and new, or, without keys, that FARM-1 let through."""

    def receive(self, data: bytes, now_ns: int) -> list[Delivery]:
        """Take octets from the line.

        Args:
            data: Octets, cut anywhere.
            now_ns: When they came.

        Returns:
            What each frame has brought that is now whole and in order.
        """
        deliveries: list[Delivery] = []
        self._deframer.receive(data)
        for candidate in self._deframer.take():
            try:
                delivery = self._frame(TcFrame.decode(candidate), now_ns)
            except MalformedError as error:
                self.counts.frames_malformed += 1
                self.reject("TC frame", str(error), now_ns)
                continue
            if delivery is not None:
                deliveries.append(delivery)
        for reason in self._deframer.take_rejects():
            self.counts.cltus_rejected += 1
            self.reject("CLTU", reason, now_ns)
        return deliveries

    def clcw(self) -> bytes:
        """Give the report on the command channel, four octets, for the next TM frame."""
        return self._farms[Uplink.COMMANDS].clcw().encode()

    def take_events(self) -> list[Event]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def reject(self, where: str, reason: str, now_ns: int) -> None:
        """Count octets that were not used, and say why."""
        self.rejected_count += 1
        self._events.append(Rejected(now_ns, where, reason))

    def _frame(self, frame: TcFrame, now_ns: int) -> Delivery | None:
        if frame.spacecraft_id != SPACECRAFT_ID:
            raise MalformedError(f"expected spacecraft {SPACECRAFT_ID:#x}, found {frame.spacecraft_id:#x}")
        if frame.virtual_channel not in self._farms:
            raise MalformedError(f"expected virtual channel 0 or 1, found {frame.virtual_channel}")
        channel = Uplink(frame.virtual_channel)
        farm = self._farms[channel]
        state = farm.state
        verdict = farm.receive(frame)
        if verdict.reason:
            self.counts.discarded(channel, verdict.event, state)
            self.reject("FARM-1", verdict.reason, now_ns)
            return None
        receipt = counter = None
        if self._security is not None and verdict.outcome is FarmOutcome.DELIVERED:
            judged = self._security.receiver.process_tc(frame)
            if isinstance(judged, Refused):
                self.counts.add(channel, UplinkCount.REFUSED)
                self.reject("SDLS", str(judged), now_ns)
                return None
            frame, receipt, counter = judged.frame, judged.receipt, judged.counter
            self.counts.authentic(channel, receipt.spi, counter)
        if self._security is None or receipt is not None:
            # Control commands to FARM-1 travel clear, so with keys they prove nothing.
            self.heard_ns = now_ns
        self.accepted_count += 1
        if verdict.outcome is not FarmOutcome.DELIVERED:
            self.counts.add(channel, UplinkCount.CONTROL)
            return None
        self.counts.add(channel, UplinkCount.ACCEPTED)
        data = frame.data
        if self._segments is not None and channel is Uplink.COMMANDS:
            spi = receipt.spi if receipt is not None else None
            assembled = self._segments.receive(frame, spi, counter)
            for reason in assembled.rejects:
                self.counts.add(channel, UplinkCount.DROPPED)
                self.reject("segment", reason, now_ns)
            if assembled.data is None:
                # Nothing of it can act. The receipt of the segment that makes the packet whole has this counter too.
                return None
            data = assembled.data
        packets: list[bytes] = []
        try:
            for packet in split_packets(data):
                self._sort(packet, channel, packets, now_ns)
        except MalformedError as error:  # What was whole before the fault is used all the same.
            self.counts.add(channel, UplinkCount.DROPPED)
            self.reject("packet", str(error), now_ns)
        self.counts.add(channel, UplinkCount.PACKETS, len(packets))
        return Delivery(channel, tuple(packets), receipt)

    def _sort(self, packet: bytes, channel: Uplink, packets: list[bytes], now_ns: int) -> None:
        """Add a packet to those of its frame, unless it came on a virtual channel that is not meant for it."""
        found = SpacePacket.decode(packet)
        if found.apid == IDLE_APID:  # A keep-alive; it says nothing else.
            return
        is_of_files = found.apid == Apid.CFDP
        if is_of_files is not (channel is Uplink.FILES):
            self.misplaced_count += 1
            self.counts.add(channel, UplinkCount.DROPPED)
            self.reject(
                "packet", f"expected {_KINDS[channel]} on virtual channel {channel}, found APID {found.apid:#x}", now_ns
            )
        elif is_of_files and (found.has_secondary_header or found.packet_type is not PacketType.TELECOMMAND):
            self.counts.add(channel, UplinkCount.DROPPED)
            self.reject(
                "packet", "expected a telecommand packet without a secondary header around a PDU, found another", now_ns
            )
        else:
            packets.append(packet)

"""One virtual channel down: packets of one source into frames, protected if there are keys.

A packet is asked for when a frame has room for it, never sooner. With keys no frame with packets leaves unless it is
protected: what cannot be waits, its source is asked for no more, and that is told once.

Source: CCSDS 132.0-B-3 4.1 (frame), 4.2.2 (packet processing), 355.0-B-2 (SDLS).
"""

from enum import Enum
from typing import Protocol

from ccsds.errors import MisuseError
from ccsds.packet import PACKET_OCTETS_MIN, idle_packet
from ccsds.sdls.association import Link
from ccsds.sdls.security import Security
from ccsds.tm_frame import TmFrame
from ccsds.tm_packets import TmFramer
from flight.events import Event, TelemetryHeld
from mission.channels import SPACECRAFT_ID, Downlink
from mission.profiles import LinkProfile

_COUNT_8_BITS = 1 << 8


class PacketSource(Protocol):
    """What a channel carries."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be sent; it costs nothing."""
        ...

    def next_packet(self, now_ns: int) -> bytes | None:
        """Give the packet that is most urgent now, or None."""
        ...


class Packing(Enum):
    """How packets lie in frames."""

    END_TO_END = "end to end"
    """They span frames, and no octet is wasted while there are more."""
    WHOLE = "whole"
    """One that fits into a frame is not spread over two, so that a frame that is lost costs no packet of another."""


class DownlinkChannel:
    """The sending end of one virtual channel.

    Args:
        channel: Which one.
        profile: How the link is run.
        security: The keys of this end, or None on a bench: then frames travel clear.
        source: What it carries.
        packing: How packets lie in its frames.
    """

    def __init__(
        self, channel: Downlink, profile: LinkProfile, security: Security | None, source: PacketSource, packing: Packing
    ) -> None:
        self._channel = channel
        self._security = security
        self._source = source
        self._packing = packing
        overhead_octets = security.overhead_octets(Link.TM, channel) if security else 0
        self._framer = TmFramer(profile.tm_data_octets - overhead_octets)
        # A packet that found no room in the frame before.
        self._next_packet: bytes | None = None
        # A frame's content that could not be protected, kept for the next try; and why, once it was told.
        self._held: tuple[int, bytes] | None = None
        self._held_reason = ""
        self._events: list[Event] = []
        self._count = 0

    def frame(self, clcw: bytes, master_count: int, now_ns: int) -> TmFrame | None:
        """Give a frame of packets as it may leave, or None if none waits or none can be protected.

        Args:
            clcw: The report on the command channel, four octets.
            master_count: The master channel count of the frame.
            now_ns: When it leaves.
        """
        if self._security is not None and not self._security.sends(Link.TM, self._channel):
            if self._is_waiting:
                self._hold(f"no key sends on TM channel {self._channel}: activate one", now_ns)
            return None
        if not self._is_waiting:
            return None
        content = self._held or self._fill(now_ns)
        return None if content is None else self._protected(content, clcw, master_count, now_ns)

    def idle_frame(self, clcw: bytes, master_count: int, now_ns: int) -> TmFrame | None:
        """Give a protected frame with an idle packet, which proves that its CLCW is authentic; None without a key."""
        if self._security is None or not self._security.sends(Link.TM, self._channel) or self._held is not None:
            return None
        self._framer.put(idle_packet(PACKET_OCTETS_MIN))
        content = self._framer.take(flush=True)
        return None if content is None else self._protected(content, clcw, master_count, now_ns)

    def take_events(self) -> list[Event]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    @property
    def _is_waiting(self) -> bool:
        has_rest = self._held is not None or self._next_packet is not None or self._framer.has_packets
        return has_rest or not self._source.is_empty

    def _fill(self, now_ns: int) -> tuple[int, bytes] | None:
        """Give the pointer and data field of one frame of packets, or None if there turns out to be none."""
        while not self._framer.is_full:
            packet = self._next_packet or self._source.next_packet(now_ns)
            self._next_packet = None
            if packet is None:
                break
            if self._packing is Packing.WHOLE and self._framer.has_packets and not self._fits(packet):
                self._next_packet = packet
                break
            self._framer.put(packet)
        return self._framer.take(flush=True)

    def _fits(self, packet: bytes) -> bool:
        """Tell whether a packet leaves no rest of a frame that is too short for an idle packet."""
        rest_octets = self._framer.room_octets - len(packet)
        return rest_octets == 0 or rest_octets >= PACKET_OCTETS_MIN

    def _protected(self, content: tuple[int, bytes], clcw: bytes, master_count: int, now_ns: int) -> TmFrame | None:
        pointer, data = content
        frame = TmFrame(
            spacecraft_id=SPACECRAFT_ID,
            virtual_channel=self._channel,
            mc_count=master_count,
            vc_count=self._count,
            first_header_pointer=pointer,
            data=data,
            ocf=clcw,
        )
        if self._security is not None:
            try:
                frame = self._security.sender.protect_tm(frame)
            except (OSError, MisuseError) as error:
                self._held = content
                self._hold(str(error), now_ns)
                return None
        self._held = None
        self._held_reason = ""
        self._count = (self._count + 1) % _COUNT_8_BITS
        return frame

    def _hold(self, reason: str, now_ns: int) -> None:
        if reason != self._held_reason:
            self._held_reason = reason
            self._events.append(TelemetryHeld(now_ns, reason))

"""From what is to be said to octets on the line: PUS packets, TM frames with the CLCW, the coding chain.

Frames are made when the transmitter asks for one, so that the most urgent packet leaves first, and packets take their
counts as they leave, so that a gap in them at the ground is a loss on the way. The queue is bounded: when it is full
the least urgent newest packet is dropped and counted.

With keys, no frame with packets leaves unless it is protected, and a spacecraft with nothing to say sends an idle
packet in a protected frame: the ground takes no clear frame for a sign of life, nor its CLCW. Only if none can be
protected do packets wait, and idle frames travel clear, which show a receiver that there is a carrier.

Source: ECSS-E-ST-70-41C 7.4.3 (packet), CCSDS 132.0-B-3 (frame), 355.0-B-2 (SDLS), 131.0-B-5 (coding).
"""

from collections import Counter, deque
from dataclasses import dataclass

from ccsds.errors import MisuseError
from ccsds.packet import PACKET_OCTETS_MIN, idle_packet
from ccsds.pus.telemetry import Telemetry
from ccsds.sdls.association import Link
from ccsds.sdls.security import Security
from ccsds.sync import TmEncoder
from ccsds.tm_frame import ONLY_IDLE, TmFrame
from ccsds.tm_packets import TmFramer
from flight.books.commands import Answer
from flight.events import Event, TelemetryHeld
from flight.reporter import Priority
from mission.channels import SPACECRAFT_ID, Apid, Downlink
from mission.profiles import LinkProfile

# Packets that wait for the transmitter. At one progress report a second it holds a quarter of an hour without contact;
# what must survive longer belongs into packet stores, ST[15]. About 200 octets each.
QUEUE_PACKETS_MAX = 1_024

_COUNT_14_BITS = 1 << 14
_COUNT_16_BITS = 1 << 16
_COUNT_8_BITS = 1 << 8


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A packet without its counts."""

    answer: Answer
    destination_id: int
    tai_ns: int
    time_status: int


class DownlinkTransmitter:
    """The sending end of the downlink.

    Args:
        profile: How the link is run.
        security: The keys of this end, or None on a bench: then frames travel clear.
    """

    def __init__(self, profile: LinkProfile, security: Security | None = None) -> None:
        self._profile = profile
        self._security = security
        overhead_octets = security.overhead_octets(Link.TM, Downlink.LIVE) if security else 0
        self._encoder = TmEncoder(profile.tm_coding)
        self._queues: dict[Priority, deque[_Waiting]] = {priority: deque() for priority in Priority}
        self._framer = TmFramer(profile.tm_data_octets - overhead_octets)
        # A frame's content that could not be protected, kept for the next try; and why, once it was told.
        self._held: tuple[int, bytes] | None = None
        self._held_reason = ""
        self._events: list[Event] = []
        self._sequence_count = 0
        self._message_counts: Counter[tuple[int, int]] = Counter()
        self._master_count = 0
        self._channel_counts: Counter[Downlink] = Counter()
        self._last_clcw = b""
        self._next_keep_alive_ns = 0
        self.keep_alive_ns = profile.keep_alive_ns
        """A frame leaves when none has for this long."""
        self.frames_count = 0
        self.dropped_count = 0

    def put(self, answer: Answer, priority: Priority, destination_id: int, tai_ns: int, time_status: int) -> None:
        """Queue one report."""
        self._queues[priority].append(_Waiting(answer, destination_id, tai_ns, time_status))
        if sum(map(len, self._queues.values())) > QUEUE_PACKETS_MAX:
            least = max(priority for priority, queue in self._queues.items() if queue)
            self._queues[least].pop()
            self.dropped_count += 1

    def transmit(self, clcw: bytes, now_ns: int) -> bytes | None:
        """Give the next frame, coded for the line, or None if there is nothing to say yet.

        Args:
            clcw: The report on the command channel that the frame carries, four octets.
            now_ns: When the frame leaves.
        """
        is_due = clcw != self._last_clcw or now_ns >= self._next_keep_alive_ns
        frame = self._live_frame(clcw, is_due, now_ns)
        if frame is None:
            if not is_due:
                return None
            frame = self._frame(Downlink.IDLE, ONLY_IDLE, bytes(self._profile.tm_data_octets), clcw)
        channel = Downlink(frame.virtual_channel)
        self._master_count = (self._master_count + 1) % _COUNT_8_BITS
        self._channel_counts[channel] = (self._channel_counts[channel] + 1) % _COUNT_8_BITS
        self._last_clcw = clcw
        self._next_keep_alive_ns = now_ns + self.keep_alive_ns
        self.frames_count += 1
        return self._encoder.encode(frame.encode())

    def next_deadline(self) -> int:
        """Give the time at which a frame leaves even if there is nothing to say."""
        return self._next_keep_alive_ns

    def take_events(self) -> list[Event]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def _live_frame(self, clcw: bytes, is_due: bool, now_ns: int) -> TmFrame | None:
        """Give a frame of packets as it may leave, or None if none waits or none can be protected.

        With keys one that is due leaves even if no packet waits: then it holds an idle one.
        """
        security = self._security
        if security is not None and not security.sends(Link.TM, Downlink.LIVE):
            if any(self._queues.values()):
                self._hold(f"no key sends on TM channel {Downlink.LIVE}: activate one", now_ns)
            return None
        content = self._held or self._fill()
        if content is None and is_due and security is not None:
            self._framer.put(idle_packet(PACKET_OCTETS_MIN))
            content = self._framer.take(flush=True)
        if content is None:
            return None
        frame = self._frame(Downlink.LIVE, *content, clcw)
        if security is None:
            return frame
        try:
            frame = security.sender.protect_tm(frame)
        except (OSError, MisuseError) as error:
            self._held = content
            self._hold(str(error), now_ns)
            return None
        self._held = None
        self._held_reason = ""
        return frame

    def _hold(self, reason: str, now_ns: int) -> None:
        if reason != self._held_reason:
            self._held_reason = reason
            self._events.append(TelemetryHeld(now_ns, reason))

    def _frame(self, channel: Downlink, first_header_pointer: int, data: bytes, clcw: bytes) -> TmFrame:
        return TmFrame(
            spacecraft_id=SPACECRAFT_ID,
            virtual_channel=channel,
            mc_count=self._master_count,
            vc_count=self._channel_counts[channel],
            first_header_pointer=first_header_pointer,
            data=data,
            ocf=clcw,
        )

    def _fill(self) -> tuple[int, bytes] | None:
        """Give the pointer and data field of one frame of packets, or None if none waits."""
        while not self._framer.is_full:
            queue = next((queue for queue in self._queues.values() if queue), None)
            if queue is None:
                break
            self._framer.put(self._packet(queue.popleft()))
        return self._framer.take(flush=True)

    def _packet(self, waiting: _Waiting) -> bytes:
        answer = waiting.answer
        message_type = (answer.service, answer.subtype)
        packet = Telemetry(
            apid=Apid.CORE,
            sequence_count=self._sequence_count,
            service=answer.service,
            subtype=answer.subtype,
            message_counter=self._message_counts[message_type],
            destination_id=waiting.destination_id,
            time_tai_ns=waiting.tai_ns,
            time_status=waiting.time_status,
            data=answer.data,
        )
        self._sequence_count = (self._sequence_count + 1) % _COUNT_14_BITS
        self._message_counts[message_type] = (self._message_counts[message_type] + 1) % _COUNT_16_BITS
        return packet.encode()

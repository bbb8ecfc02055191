"""What waits to be said live: reports, the most urgent first, made into packets as they leave.

Packets take their counts as they leave, so that a gap in them at the ground is a loss on the way. The queue is bounded:
when it is full the least urgent newest packet is dropped and counted.

Source: ECSS-E-ST-70-41C 7.4.3 (packet).
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from ccsds.pus.telemetry import Telemetry
from flight.books.commands import Answer
from flight.reporter import Priority, Statement
from mission.channels import Apid
from mission.storage import StoreId

# Packets that wait for the transmitter, about 200 octets each. What waits longer is played back
# (`flight.storage.playback`).
QUEUE_PACKETS_MAX = 1_024

# What was said longer than this before contact came is not live any more, if it is stored.
LIVE_NS_MAX = 10_000_000_000

_COUNT_14_BITS = 1 << 14
_COUNT_16_BITS = 1 << 16


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A packet without its counts."""

    answer: Answer
    destination_id: int
    tai_ns: int
    time_status: int
    said_ns: int
    stored: tuple[StoreId, int] | None
    """Its store and its number there."""


class LiveQueue:
    """Reports that wait for the transmitter.

    Args:
        left: Called with the store and the number there of a stored packet that leaves, its octets and now.
    """

    def __init__(self, left: Callable[[StoreId, int, bytes, int], None]) -> None:
        self._left = left
        self._queues: dict[Priority, deque[_Waiting]] = {priority: deque() for priority in Priority}
        self._sequence_count = 0
        self._message_counts: Counter[tuple[int, int]] = Counter()
        self.dropped_count = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not any(self._queues.values())

    def put(
        self, said: Statement, tai_ns: int, time_status: int, now_ns: int, stored: tuple[StoreId, int] | None
    ) -> None:
        """Queue one report."""
        waiting = _Waiting(said.answer, said.destination_id, tai_ns, time_status, now_ns, stored)
        self._queues[said.priority].append(waiting)
        if sum(map(len, self._queues.values())) > QUEUE_PACKETS_MAX:
            least = max(priority for priority, queue in self._queues.items() if queue)
            self._queues[least].pop()
            self.dropped_count += 1

    def next_packet(self, now_ns: int) -> bytes | None:
        """Give the most urgent packet, or None."""
        queue = next((queue for queue in self._queues.values() if queue), None)
        if queue is None:
            return None
        waiting = queue.popleft()
        packet = self._packet(waiting)
        if waiting.stored is not None:
            self._left(*waiting.stored, packet, now_ns)
        return packet

    def leave_to_playback(self, now_ns: int) -> None:
        """Let go of what was said long ago and is stored: contact came."""
        for priority, queue in self._queues.items():
            recent = (each for each in queue if each.stored is None or each.said_ns >= now_ns - LIVE_NS_MAX)
            self._queues[priority] = deque(recent)

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

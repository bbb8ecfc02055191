"""What waits to be said live: reports, the most urgent first, made into packets as they leave.

Packets take their counts as they leave, so that a gap in them at the ground is a loss on the way. The queue is bounded:
when it is full the least urgent newest packet is dropped and counted.

Source: ECSS-E-ST-70-41C 7.4.3 (packet).
"""

from collections import Counter, deque
from dataclasses import dataclass

from ccsds.pus.telemetry import Telemetry
from flight.books.commands import Answer
from flight.reporter import Priority
from mission.channels import Apid

# Packets that wait for the transmitter. At one progress report a second it holds a quarter of an hour without contact;
# what must survive longer belongs into packet stores, ST[15]. About 200 octets each.
QUEUE_PACKETS_MAX = 1_024

_COUNT_14_BITS = 1 << 14
_COUNT_16_BITS = 1 << 16


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A packet without its counts."""

    answer: Answer
    destination_id: int
    tai_ns: int
    time_status: int


class LiveQueue:
    """Reports that wait for the transmitter."""

    def __init__(self) -> None:
        self._queues: dict[Priority, deque[_Waiting]] = {priority: deque() for priority in Priority}
        self._sequence_count = 0
        self._message_counts: Counter[tuple[int, int]] = Counter()
        self.dropped_count = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not any(self._queues.values())

    def put(self, answer: Answer, priority: Priority, destination_id: int, tai_ns: int, time_status: int) -> None:
        """Queue one report."""
        self._queues[priority].append(_Waiting(answer, destination_id, tai_ns, time_status))
        if sum(map(len, self._queues.values())) > QUEUE_PACKETS_MAX:
            least = max(priority for priority, queue in self._queues.items() if queue)
            self._queues[least].pop()
            self.dropped_count += 1

    def next_packet(self, now_ns: int) -> bytes | None:
        """Give the most urgent packet, or None."""
        queue = next((queue for queue in self._queues.values() if queue), None)
        return None if queue is None else self._packet(queue.popleft())

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

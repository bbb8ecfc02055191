"""One far end: whether it is in contact, whose turn the line to it is, and when a transaction with it must be woken.

Directives go first; then files by priority, and among equals in short turns; then, when the line has nothing else, what
nothing confirmed yet. It knows nothing of what the PDUs say.
"""

from collections import OrderedDict, deque
from heapq import heappop, heappush
from itertools import count

from ccsds.cfdp.contact_clock import ContactClock, RoundTrip
from ccsds.cfdp.host import Transaction
from ccsds.cfdp.mib import RemoteConfig

PRIORITY_MAX = 7

# Answers to PDUs of finished transactions that wait for the line; a flood of such PDUs gets no more answers than this.
ANSWERS_MAX = 256

# Of a finished transaction at which its sender still sends file data, one answer in so long: it takes a round trip
# until the first is heeded, and the line has better things to carry.
ANSWER_INTERVAL_NS = 1_000_000_000

# PDUs that a transaction sends before it is another one's turn: at 1 Mbit/s and 1 KiB a turn takes a quarter of a
# second. In shorter turns a processor fetches another file's piece for each, which costs a tenth of the speed.
TURN_PDUS = 32

_ANSWERS, _DIRECTIVES, _DATA = 0, 1, 2
_IDLE = _DATA + PRIORITY_MAX + 1


class FarEnd:
    """What is shared by all transactions with one far end; begun out of contact.

    Args:
        config: What the MIB knows of it.
    """

    def __init__(self, config: RemoteConfig) -> None:
        self.config = config
        self.entity = config.entity
        self.round_trip = RoundTrip(config.round_trip_ns)
        """There and back, as measured."""
        self.clock = ContactClock()
        """Counts the contact with it."""
        self.heard_ns = 0
        """Contact time at which a PDU came from it last, of any transaction."""
        self._answers: deque[bytes] = deque()
        # When file data of a finished transaction was answered, by its answer; the oldest ones are forgotten.
        self._answered: OrderedDict[bytes, int] = OrderedDict()
        # By urgency; the place of the answers stays empty.
        self._queues: list[OrderedDict[Transaction, None]] = [OrderedDict() for _ in range(_IDLE + 1)]
        # A bit for each queue that has something, the most urgent one lowest.
        self._filled = 0
        self._turn_pdus = 0
        self._wakes: list[tuple[int, int, Transaction]] = []
        self._wake_of: dict[Transaction, int] = {}
        self._order = count()

    @property
    def urgency(self) -> int:
        """How urgent the next PDU is: the lower, the more; 0 if there is none."""
        return self._filled & -self._filled

    def pull(self, now_ns: int) -> bytes | None:
        """Let the one whose turn it is give a PDU; ask only if there is urgency, and again if it had none after all."""
        level = self.urgency.bit_length() - 1
        if level == _ANSWERS:
            pdu = self._answers.popleft()
            if not self._answers:
                self._filled &= ~1
            return pdu
        queue = self._queues[level]
        transaction = next(iter(queue))
        time_ns = self.clock.count(now_ns)
        pdu = None
        try:
            if level == _DIRECTIVES:
                pdu = transaction.pull_directive(time_ns)
            elif level < _IDLE:
                pdu = transaction.pull_data(time_ns)
            else:
                pdu = transaction.pull_idle(time_ns)
        except OSError as error:
            transaction.fail(error, time_ns)
        if pdu is None:
            queue.pop(transaction, None)
            self._turn_pdus = 0
            if not queue:
                self._filled &= ~(1 << level)
            return None
        self._turn_pdus += 1
        if self._turn_pdus >= TURN_PDUS:
            self._turn_pdus = 0
            if transaction in queue:
                queue.move_to_end(transaction)
        return pdu

    def answer(self, pdu: bytes) -> None:
        """Let a PDU go out that is of no running transaction; one that waits already is not doubled."""
        if len(self._answers) < ANSWERS_MAX and pdu not in self._answers:
            self._answers.append(pdu)
            self._filled |= 1

    def answer_rarely(self, pdu: bytes, time_ns: int) -> None:
        """Let a PDU go out as `answer` does, unless it did a short while ago."""
        answered_ns = self._answered.get(pdu)
        if answered_ns is not None and time_ns < answered_ns + ANSWER_INTERVAL_NS:
            return
        self._answered[pdu] = time_ns
        self._answered.move_to_end(pdu)
        if len(self._answered) > ANSWERS_MAX:
            self._answered.popitem(last=False)
        self.answer(pdu)

    def want_directive(self, transaction: Transaction) -> None:
        """Put a transaction where directives are pulled from."""
        self._want(_DIRECTIVES, transaction)

    def want_data(self, transaction: Transaction) -> None:
        """Put a transaction where segments are pulled from."""
        self._want(_DATA + transaction.priority, transaction)

    def want_idle(self, transaction: Transaction) -> None:
        """Put a transaction where idle slots are filled from."""
        self._want(_IDLE, transaction)

    def wake(self, transaction: Transaction) -> None:
        """Take notice of a deadline; an entry that an earlier one overtook stays in the heap, and is skipped there."""
        deadline = transaction.deadline()
        if deadline is None:
            return
        earlier = self._wake_of.get(transaction)
        if earlier is None or deadline < earlier:
            self._wake_of[transaction] = deadline
            heappush(self._wakes, (deadline, next(self._order), transaction))

    def advance(self, now_ns: int) -> None:
        """Let time pass: timers ring."""
        if not self._wakes or not self.clock.is_up:
            return
        time_ns = self.clock.count(now_ns)
        while self._wakes and self._wakes[0][0] <= time_ns:
            wake_ns, _, transaction = heappop(self._wakes)
            if self._wake_of.get(transaction) != wake_ns:
                continue
            del self._wake_of[transaction]
            deadline = transaction.deadline()
            if deadline is not None and deadline <= time_ns:
                try:
                    transaction.advance(time_ns)
                except OSError as error:
                    transaction.fail(error, time_ns)
            self.wake(transaction)

    def next_deadline(self) -> int | None:
        """Give the time at which `advance` has something to do, None if there is none as things stand."""
        return self.clock.when(self._wakes[0][0]) if self._wakes else None

    def _want(self, level: int, transaction: Transaction) -> None:
        self._queues[level].setdefault(transaction, None)
        self._filled |= 1 << level

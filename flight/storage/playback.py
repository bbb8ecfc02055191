"""Playback: stored packets on their way down, and what the ground is told so that it can say what it has.

In contact everything that the ground has not confirmed is sent once, oldest first, events before housekeeping, unless
it has left live; what the ground then names as a gap is sent again. After a loss of contact all that is not confirmed
counts as not sent. Ranges that an operator asks for go first, confirmed or not.

What was sent and is not confirmed is told of at bounded intervals, longer and longer if nobody answers; in contact with
everything confirmed nothing is due. Source: ECSS-E-ST-70-41C 6.15.3.4 (by time range), 6.15.3.5 (open retrieval).
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ccsds.cfdp.intervals import IntervalSet
from ccsds.crc import CRC16_OCTETS
from ccsds.pus.telemetry import OVERHEAD_OCTETS, Telemetry
from flight.reporter import Reporter
from flight.storage.packet_store import PacketStore
from flight.storage.packet_stores import PacketStores
from mission.channels import Apid
from mission.schedule import Switch
from mission.storage import (
    CONTENT_ROWS_MAX,
    LIVE_ROWS_MAX,
    MISSING_ROWS_MAX,
    RETRIEVALS_MAX,
    Gone,
    StoreId,
)

# The ground confirms this often at most, and what is lost in a loss of contact for lack of it is sent again.
TELL_NS = 30_000_000_000
# Nobody has answered five times: whoever listens does not confirm.
TELL_NS_MAX = 32 * TELL_NS

# Before the rows of a content report: its headers, the store and the count; and before each packet of it.
_CONTENT_OVERHEAD_OCTETS = OVERHEAD_OCTETS + 2
_ROW_OVERHEAD_OCTETS = 6

_SEQUENCE_COUNTS = 1 << 14


@dataclass(slots=True)
class _Retrieval:
    """A range that is asked for."""

    store: StoreId
    numbers: IntervalSet
    start_tai_ns: int
    end_tai_ns: int


class Playback:
    """What goes down on the channel of stored telemetry; a `flight.link.downlink_channel.PacketSource`.

    Args:
        stores: What there is.
        reporter: Where it encodes, and tells.
        content_octets_max: The length of a packet that fits into one frame.
        time_of: Gives on-board TAI and its status for ``now_ns``.
    """

    def __init__(
        self,
        stores: PacketStores,
        reporter: Reporter,
        content_octets_max: int,
        time_of: Callable[[int], tuple[int, int]],
    ) -> None:
        self._stores = stores
        self._reporter = reporter
        self._content_octets_max = content_octets_max
        self._time_of = time_of
        # By store, what needs no sending: it is confirmed, or was sent since contact came.
        self._done = {store: stores[store].state.confirmed.copy() for store in StoreId}
        self._retrievals: deque[_Retrieval] = deque()
        self._live_rows: list[dict[str, Any]] = []
        self._count = 0
        self._is_in_contact = False
        self._tell_at_ns: int | None = None
        self._patience_ns = TELL_NS

    @property
    def is_empty(self) -> bool:
        """See `flight.link.downlink_channel.PacketSource`."""
        return not self._retrievals and self._next_open() is None

    def next_packet(self, now_ns: int) -> bytes | None:
        """See `flight.link.downlink_channel.PacketSource`."""
        while self._retrievals:
            retrieval = self._retrievals[0]
            packet = self._content(retrieval.store, lambda retrieval=retrieval: _pop(retrieval), now_ns, retrieval)
            if packet is not None:
                return packet
            self._retrievals.popleft()
        while (store := self._next_open()) is not None:
            packet = self._content(store, lambda store=store: self._pop_open(store), now_ns)
            self._tell_later(now_ns)
            if packet is not None:
                return packet
        return None

    def left_live(self, store: StoreId, number: int, packet: bytes, now_ns: int) -> None:
        """Take note that a stored packet left live, in these octets."""
        self._done[store].add(number, number + 1)
        count = int.from_bytes(packet[2:4], "big") % _SEQUENCE_COUNTS
        crc = int.from_bytes(packet[-CRC16_OCTETS:], "big")
        self._live_rows.append({"count": count, "crc": crc, "store": store, "sequence": number})
        if len(self._live_rows) == LIVE_ROWS_MAX:
            self._tell_live()
        self._tell_later(now_ns)

    def contact(self, is_up: bool) -> None:
        """Take note that the link is there, or is gone."""
        if is_up and not self._is_in_contact:
            self._done = {store: self._stores[store].state.confirmed.copy() for store in StoreId}
            if self._live_rows:
                # They left before contact went, and may have come.
                self._tell_live()
        if not is_up:
            for store in StoreId:
                self._stores[store].release()
        self._is_in_contact = is_up
        self._tell_at_ns = None
        self._patience_ns = TELL_NS

    def advance(self, now_ns: int) -> None:
        """Tell the ground what was sent, if that is due."""
        if self._tell_at_ns is None or now_ns < self._tell_at_ns:
            return
        self._tell_at_ns = None
        if self._live_rows:
            self._tell_live()
        if not self._is_confirmed():
            self.tell()
            self._patience_ns = min(2 * self._patience_ns, TELL_NS_MAX)
            self._tell_at_ns = now_ns + self._patience_ns

    def next_deadline(self) -> int | None:
        """Give when the ground is to be told something."""
        return self._tell_at_ns

    def tell(self) -> None:
        """Report what is in the stores."""
        self._reporter.report("storage_summary", {"stores": [self._row(self._stores[store]) for store in StoreId]})

    def confirmed(self, store: StoreId, gaps: Iterable[tuple[int, int]], now_ns: int) -> None:
        """Go on by what the ground has said, which is durable: the gaps are sent again, or told of as missing."""
        kept = self._stores[store]
        for start, end in kept.state.confirmed:
            self._done[store].add(start, end)
        rows: list[dict[str, Any]] = []
        for start, gap_end in gaps:
            end = min(gap_end, kept.next)
            self._done[store].remove(start, end)
            for missing in kept.held.gaps(start, end):
                rows += _told_missing(kept, *missing)
        for at in range(0, len(rows), MISSING_ROWS_MAX):
            self._reporter.report("storage_missing", {"store": store, "ranges": rows[at : at + MISSING_ROWS_MAX]})
        self._patience_ns = TELL_NS
        self._tell_at_ns = None
        self._tell_later(now_ns)

    def retrieve(self, store: StoreId, numbers: IntervalSet, start_tai_ns: int = 0, end_tai_ns: int = 1 << 64) -> None:
        """Send what is stored under some numbers and of a range of time, before all else; `is_busy` is to be asked."""
        if len(numbers):
            self._retrievals.append(_Retrieval(store, numbers, start_tai_ns, end_tai_ns))

    @property
    def is_busy(self) -> bool:
        """Whether as many ranges are asked for as there may be."""
        return len(self._retrievals) >= RETRIEVALS_MAX

    def abort(self, stores: Iterable[int]) -> None:
        """Send no more of the ranges that were asked for."""
        chosen = set(stores)
        self._retrievals = deque(each for each in self._retrievals if each.store not in chosen)

    def open_from(self, store: StoreId, tai_ns: int) -> None:
        """Send again what was stored from a time on, and is not confirmed or was."""
        for start, end in self._stores[store].numbers_between(tai_ns, 1 << 64):
            self._done[store].remove(start, end)

    def _row(self, kept: PacketStore) -> dict[str, Any]:
        state = kept.state
        confirmed_end = next((start for start, _ in state.confirmed.gaps(0, kept.next, 1)), kept.next)
        return {
            "store": kept.store,
            "storing": Switch(state.is_storing),
            "playing": Switch(state.is_playing),
            "first": kept.first,
            "next": kept.next,
            "sent": self._sent_end(kept),
            "confirmed": confirmed_end,
            "overwritten": state.overwritten_count,
            "octets": kept.octets,
        }

    def _content(
        self, store: StoreId, pop: Callable[[], int | None], now_ns: int, wanted: _Retrieval | None = None
    ) -> bytes | None:
        """Fill one packet with stored ones; None if there is none."""
        kept = self._stores[store]
        rows: list[dict[str, Any]] = []
        octets = _CONTENT_OVERHEAD_OCTETS
        while len(rows) < CONTENT_ROWS_MAX and (number := pop()) is not None:
            packet = kept.read(number)
            if packet is None:
                kept.discard(number)
                continue
            if wanted is not None and not _is_wanted(packet, wanted):
                continue
            octets += _ROW_OVERHEAD_OCTETS + len(packet)
            if rows and octets > self._content_octets_max:
                # It is the first of the next one.
                if wanted is None:
                    self._done[store].remove(number, number + 1)
                else:
                    wanted.numbers.add(number, number + 1)
                break
            rows.append({"sequence": number, "packet": packet})
        if not rows:
            return None
        answer = self._reporter.encode("storage_content", {"store": store, "packets": rows})
        tai_ns, time_status = self._time_of(now_ns)
        packet = Telemetry(
            apid=Apid.CORE,
            sequence_count=self._count % _SEQUENCE_COUNTS,
            service=answer.service,
            subtype=answer.subtype,
            message_counter=self._count % (1 << 16),
            destination_id=0,
            time_tai_ns=tai_ns,
            time_status=time_status,
            data=answer.data,
        )
        self._count += 1
        return packet.encode()

    def _next_open(self) -> StoreId | None:
        return next((store for store in StoreId if self._first_unsent(store) is not None), None)

    def _first_unsent(self, store: StoreId) -> int | None:
        kept = self._stores[store]
        if not kept.state.is_playing:
            return None
        return _first_not_in(kept.held, self._done[store])

    def _pop_open(self, store: StoreId) -> int | None:
        number = self._first_unsent(store)
        if number is not None:
            self._done[store].add(number, number + 1)
        return number

    def _sent_end(self, kept: PacketStore) -> int:
        unsent = _first_not_in(kept.held, self._done[kept.store])
        return kept.next if unsent is None else unsent

    def _is_confirmed(self) -> bool:
        """Whether the ground has all that was sent, or knows that it is not there."""
        kept = (self._stores[store] for store in StoreId)
        return all(each.state.confirmed.has(0, self._sent_end(each)) for each in kept)

    def _tell_live(self) -> None:
        rows, self._live_rows = self._live_rows, []
        self._reporter.report("storage_live", {"packets": rows})

    def _tell_later(self, now_ns: int) -> None:
        if self._tell_at_ns is None and self._is_in_contact and not self._is_confirmed():
            self._tell_at_ns = now_ns + self._patience_ns


def _pop(retrieval: _Retrieval) -> int | None:
    found = retrieval.numbers.first()
    if found is None:
        return None
    retrieval.numbers.remove(found[0], found[0] + 1)
    return found[0]


def _is_wanted(packet: bytes, wanted: _Retrieval) -> bool:
    return wanted.start_tai_ns <= Telemetry.decode(packet).time_tai_ns <= wanted.end_tai_ns


def _first_not_in(held: IntervalSet, done: IntervalSet) -> int | None:
    """Give the lowest number that is held and not done."""
    for start, end in held:
        for gap, _ in done.gaps(start, end, 1):
            return gap
    return None


def _told_missing(kept: PacketStore, start: int, end: int) -> list[dict[str, Any]]:
    """Say why numbers are not there."""
    overwritten = kept.state.overwritten
    rows = [(first, last, Gone.OVERWRITTEN) for first, last in overwritten.within(start, end)]
    rows += [(first, last, Gone.LOST) for first, last in overwritten.gaps(start, end)]
    return [{"first": first, "last": last - 1, "gone": gone} for first, last, gone in sorted(rows)]

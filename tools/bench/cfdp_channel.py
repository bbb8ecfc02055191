"""Two CFDP ends over a paced, delayed, lossy pair of lines, in virtual time: what the CFDP benches and tests run in.

An end is anything with the shape of `ccsds.cfdp.entity.Entity`. Each direction sends one PDU at a time at its rate; a
lost PDU takes its time on the line like any other.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

NS = 1_000_000_000

# More virtual time than any bench needs: what takes longer never ends.
END_NS_MAX = 3600 * NS


class End(Protocol):
    """One end of the link."""

    def receive(self, pdu: bytes, now_ns: int) -> None:
        """Take one PDU."""
        ...

    def transmit(self, now_ns: int) -> bytes | None:
        """Give one PDU."""
        ...

    def advance(self, now_ns: int) -> None:
        """Let time pass."""
        ...

    def next_deadline(self) -> int | None:
        """Give when time must pass next."""
        ...


@dataclass(slots=True)
class Line:
    """One direction."""

    rate_bps: float
    delay_ns: int
    is_lost: Callable[[int, bytes], bool] = lambda number, pdu: False
    """Of the number of a PDU, from 0, and the PDU."""
    copies: Callable[[int], list[int]] = lambda number: [0]
    """Further delays in ns, one for each copy that arrives: how lines reorder and duplicate."""
    sent: int = 0
    octets: int = 0
    log: list[bytes] = field(default_factory=list)
    """The PDUs, if `keeps_log`."""
    keeps_log: bool = False


def carry(
    ends: tuple[End, End],
    lines: tuple[Line, Line],
    is_done: Callable[[int], bool],
    begin_ns: int = 0,
    end_ns: int = END_NS_MAX,
    plans: list[tuple[int, Callable[[int], None]]] | None = None,
) -> int | None:
    """Let two ends talk until something is so.

    Args:
        ends: They; each sends on the line of its own index.
        lines: The two directions.
        is_done: Asked, with the time, after each arrival.
        begin_ns: When to begin.
        end_ns: When to give up.
        plans: What happens at given times besides, such as a reboot.

    Returns:
        When it was so, None if it never was.
    """
    order = count()
    events: list[tuple[int, int, int, bytes | None, Callable[[int], None] | None]] = []
    for at_ns, plan in plans or []:
        heapq.heappush(events, (at_ns, next(order), -1, None, plan))
    free_ns = [begin_ns, begin_ns]
    now_ns = begin_ns
    while now_ns <= end_ns:
        for side in (0, 1):
            ends[side].advance(now_ns)
        for side in (0, 1):
            if free_ns[side] > now_ns:
                continue
            pdu = ends[side].transmit(now_ns)
            if pdu is None:
                continue
            line = lines[side]
            number = line.sent
            line.sent += 1
            line.octets += len(pdu)
            if line.keeps_log:
                line.log.append(pdu)
            free_ns[side] = now_ns + round(len(pdu) * 8 * NS / line.rate_bps)
            heapq.heappush(events, (free_ns[side], next(order), -1, None, None))
            if not line.is_lost(number, pdu):
                for further_ns in line.copies(number):
                    at_ns = free_ns[side] + line.delay_ns + further_ns
                    heapq.heappush(events, (at_ns, next(order), 1 - side, pdu, None))
        if is_done(now_ns):
            return now_ns
        deadlines = [deadline for end in ends if (deadline := end.next_deadline()) is not None]
        next_ns = min([event[0] for event in events[:1]] + deadlines, default=None)
        if next_ns is None:
            return None
        now_ns = max(now_ns, next_ns)
        while events and events[0][0] <= now_ns:
            _, _, side, pdu, plan = heapq.heappop(events)
            if plan is not None:
                plan(now_ns)
            elif pdu is not None:
                ends[side].receive(pdu, now_ns)
        if is_done(now_ns):
            return now_ns
    return None

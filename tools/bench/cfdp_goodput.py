"""How near CFDP comes to what a lossy line can carry, beside cfdp-py in the same virtual time; and what one loss costs.

1 MiB in 1 KiB segments, 1 Mbit/s down, 64 kbit/s up, each PDU lost with probability p in both directions. T is from the
put to the file whole and verified at the receiver; T_min = S (1 + h) / (R (1 - p)) + one-way delay, h = 34 / 1024.

    python -m tools.bench.cfdp_goodput [--campaign]
"""

import random
import statistics
import sys
import tempfile
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import Role, TransactionFinished
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cfdp.records import PutRequest
from tools.bench.cfdp_channel import NS, Line, carry
from tools.bench.cfdp_peer import PeerEnd, VirtualClock
from tools.bench.row import Row, plain

GROUP = "link"
MS = 1_000_000
SIZE_OCTETS = 1 << 20
DOWN_BPS = 1e6
UP_BPS = 64e3
HEADER_SHARE = 34 / 1024
SEEDS = 20
# cfdp-py takes seconds of real time for a transfer; three seeds show its spread.
PEER_SEEDS = 3
# Twenty times what the worst cell needs; cfdp-py that is not done then counts as never done.
PEER_END_NS = 240 * NS

TARGETS = {
    (0.0, 10): 1.02,
    (0.0, 300): 1.03,
    (0.01, 10): 1.03,
    (0.01, 300): 1.08,
    (0.05, 10): 1.05,
    (0.05, 300): 1.12,
    (0.2, 10): 1.08,
    (0.2, 300): 1.18,
}
"""(loss, delay in ms) -> T / T_min."""

CAMPAIGN_SEEDS, CAMPAIGN_PEER_SEEDS = 200, 20
# Worse than any link of the profiles, and the way to the Moon; all that is asked of these is to complete.
CAMPAIGN_CELLS = [(loss, delay_ms) for loss in (0.1, 0.4) for delay_ms in (10, 300, 1300)]
CELL_SEEDS, CELL_PEER_SEEDS = 50, 3

ONE_LOSS_OCTETS = 256 << 10
ONE_LOSS_DELAY_NS = 300 * MS

_DATA = random.Random(727).randbytes(SIZE_OCTETS)


@dataclass(frozen=True, slots=True)
class Transfer:
    """How a transfer went."""

    delivered_ns: int | None
    """When the file was whole at the receiver, None if never."""
    closed_ns: int | None
    """When both ends were done with it."""
    pdus_sent: tuple[int, int]
    """Down and up."""


def transfer(
    size: int, delay_ns: int, loss: float = 0, seed: int = 0, drops: tuple[int, Container[int]] | None = None
) -> Transfer:
    """Send a file.

    Args:
        size: Of the file in octets.
        delay_ns: One way.
        loss: Of PDUs in each direction.
        seed: Of the losses.
        drops: A direction, and the numbers of the PDUs that are lost in it.
    """
    chance = random.Random(seed)
    stores = MemoryStore(), MemoryStore()
    stores[0].pwrite("file", 0, _DATA[:size])
    source = Entity(Mib(entity=1, remotes=(RemoteConfig(entity=2),)), stores[0])
    destination = Entity(Mib(entity=2, remotes=(RemoteConfig(entity=1),)), stores[1])
    lines = Line(DOWN_BPS, delay_ns), Line(UP_BPS, delay_ns)
    for side, line in enumerate(lines):
        if drops is not None:
            line.is_lost = lambda number, _, side=side: side == drops[0] and number in drops[1]
        elif loss:
            line.is_lost = lambda number, pdu: chance.random() < loss
    for entity in (source, destination):
        entity.contact(True, 0)
    source.put(PutRequest(destination=2, source_name="file", destination_name="file"), 0)
    delivered: list[int] = []

    def is_done(now_ns: int) -> bool:
        for event in destination.take_events():
            if isinstance(event, TransactionFinished) and event.role is Role.RECEIVER:
                if event.condition is ConditionCode.NO_ERROR and stores[1].read("file") == _DATA[:size]:
                    delivered.append(now_ns)
        return bool(delivered) and not source.running and not destination.running

    closed_ns = carry((source, destination), lines, is_done)
    return Transfer(delivered[0] if delivered else None, closed_ns, (lines[0].sent, lines[1].sent))


def peer_transfer(delay_ns: int, loss: float, seed: int) -> int | None:
    """Send the file by cfdp-py; give when it was whole, None if never."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, VirtualClock() as clock:
        (Path(folder) / "file").write_bytes(_DATA)
        ends = PeerEnd(1, 2, clock), PeerEnd(2, 1, clock)
        ends[0].put(Path(folder) / "file", Path(folder) / "copy")
        lines = tuple(Line(rate, delay_ns, lambda number, pdu: chance.random() < loss) for rate in (DOWN_BPS, UP_BPS))
        return carry(ends, (lines[0], lines[1]), lambda _: ends[1].is_complete, end_ns=PEER_END_NS)


def least_s(loss: float, delay_ns: int) -> float:
    """Give T_min in seconds."""
    return SIZE_OCTETS * 8 * (1 + HEADER_SHARE) / (DOWN_BPS * (1 - loss)) + delay_ns / NS


def run(seeds: int = SEEDS, peer_seeds: int = PEER_SEEDS) -> list[Row]:
    """Measure, and give the rows."""
    return [*(_cell(loss, delay_ms, seeds, peer_seeds) for loss, delay_ms in TARGETS), *_losses()]


def campaign() -> Iterator[Row]:
    """Measure with more seeds, and cells that have no target but to complete; give each row as it is done."""
    for loss, delay_ms in TARGETS:
        yield _cell(loss, delay_ms, CAMPAIGN_SEEDS, CAMPAIGN_PEER_SEEDS)
    yield from _losses()
    for loss, delay_ms in CAMPAIGN_CELLS:
        yield _cell(loss, delay_ms, CELL_SEEDS, CELL_PEER_SEEDS)


def _cell(loss: float, delay_ms: int, seeds: int, peer_seeds: int) -> Row:
    delay_ns = delay_ms * MS
    least = least_s(loss, delay_ns) * NS
    ours = [transfer(SIZE_OCTETS, delay_ns, loss, seed) for seed in range(seeds)]
    times = [one.delivered_ns / least for one in ours if one.delivered_ns is not None and one.closed_ns is not None]
    theirs = [peer_transfer(delay_ns, loss, seed) for seed in range(peer_seeds)]
    ended = [one / least for one in theirs if one is not None]
    value = statistics.median(times) if times else float("inf")
    peer_value = statistics.median(ended) if ended else None
    target = TARGETS.get((loss, delay_ms))
    return Row(
        group=GROUP,
        name=f"CFDP class 2, T / T_min, loss {loss:.0%}, delay {delay_ms} ms, {len(times)} of {seeds} seeds complete",
        value=round(value, 3),
        unit="",
        peer=f"cfdp-py 0.7, {len(ended)} of {peer_seeds} complete",
        peer_value=None if peer_value is None else round(peer_value, 3),
        ratio=None if peer_value is None else round(peer_value / value, 2),
        target="all complete" if target is None else f"<= {target}, all complete",
        ok=(target is None or value <= target) and len(times) == seeds,
    )


def _losses() -> list[Row]:
    """Lose every PDU in turn, and every two neighbours; give by how much the worst is late."""
    plain_run = transfer(ONE_LOSS_OCTETS, ONE_LOSS_DELAY_NS)
    rows = []
    for width, name in ((1, "any single PDU"), (2, "any two adjacent PDUs")):
        late: list[float] = []
        for side in (0, 1):
            for number in range(plain_run.pdus_sent[side]):
                drops = side, range(number, number + width)
                one = transfer(ONE_LOSS_OCTETS, ONE_LOSS_DELAY_NS, drops=drops)
                ends = one.closed_ns, plain_run.closed_ns
                late.append(float("inf") if None in ends else (ends[0] - ends[1]) / (2 * ONE_LOSS_DELAY_NS))  # type: ignore
        rows.append(
            Row(
                group=GROUP,
                name=f"CFDP class 2, 256 KiB at 300 ms, {name} of {len(late)} lost: both ends closed later by",
                value=round(max(late), 3),
                unit="round trips",
                target="<= 2",
                ok=max(late) <= 2,
            )
        )
    return rows


if __name__ == "__main__":
    for row in campaign() if "--campaign" in sys.argv else run():
        print(plain(row), flush=True)

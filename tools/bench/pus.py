"""How fast PUS telemetry packets are encoded and decoded, beside spacepackets in the same run.

Both do the same work on the same 64-octet packet: headers, 6 octets of time, 43 octets of data, CRC-16 made and
checked. Runs of the two alternate, so that a busy machine slows both alike; medians are compared.

    python -m tools.bench.pus
"""

import statistics
import time
from collections.abc import Callable

from spacepackets.ecss.tm import PusTm

from ccsds.pus.telemetry import Telemetry
from ccsds.time import cuc_encode
from tools.bench.row import Row, plain

GROUP = "first_light"
TARGET_RATIO = 5

_TAI_NS = 2_173_000_000_123_456_789
_DATA = bytes(range(43))
_RUNS = 15
_OURS_A_RUN = 20_000
_THEIRS_A_RUN = 4_000


def run() -> list[Row]:
    """Measure, and give the row."""
    report = Telemetry(0x42, 5, 3, 25, 9, 7, _TAI_NS, _DATA)
    timestamp = cuc_encode(_TAI_NS)

    def ours() -> object:
        return Telemetry.decode(report.encode())

    theirs_report = PusTm(
        service=3,
        message_subtype=25,
        timestamp=timestamp,
        source_data=_DATA,
        apid=0x42,
        seq_count=5,
        message_counter=9,
        destination_id=7,
    )

    def theirs() -> object:
        return PusTm.unpack(theirs_report.pack(), timestamp_len=6)

    octets, their_octets = report.encode(), bytes(theirs_report.pack())
    if octets != their_octets or len(octets) != 64:
        raise RuntimeError(f"expected both to make the same 64 octets, found {octets.hex()} and {their_octets.hex()}")
    our_rates, their_rates = [], []
    for _ in range(_RUNS):
        our_rates.append(_rate(ours, _OURS_A_RUN))
        their_rates.append(_rate(theirs, _THEIRS_A_RUN))
    value, peer_value = statistics.median(our_rates), statistics.median(their_rates)
    ratio = value / peer_value
    return [
        Row(
            group=GROUP,
            name="PUS telemetry, 64 octets, encode and decode",
            value=value,
            unit="packets/s",
            peer="spacepackets",
            peer_value=peer_value,
            ratio=ratio,
            target=f"ratio >= {TARGET_RATIO}",
            ok=ratio >= TARGET_RATIO,
        )
    ]


def _rate(work: Callable[[], object], count: int) -> float:
    began_ns = time.perf_counter_ns()
    for _ in range(count):
        work()
    return count * 1e9 / (time.perf_counter_ns() - began_ns)


if __name__ == "__main__":
    for row in run():
        print(plain(row))

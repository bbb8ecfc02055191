"""The channel against what it was told: every effect on every profile in virtual time, and real time over pty and TCP.

The figures of real time are those of a bridge with a program at each far side, all in one process, on an idle machine.

    python -m tools.bench.validate
"""

import time

from hil.validation.measurement import Measurement
from hil.validation.real_time import (
    DELAY_TOLERANCE_NS,
    PTY_RATE_TOLERANCE,
    TCP_RATE_TOLERANCE,
    measure_real_time,
)
from hil.validation.virtual import measure
from mission.profiles import PROFILES
from tools.bench.row import Row, plain

GROUP = "loop"
SEED = 1


def run() -> list[Row]:
    """Measure, and give the rows."""
    start_s = time.process_time()
    found = [each for profile in PROFILES.values() for each in measure(profile, SEED)]
    busy_s = time.process_time() - start_s
    rows = [
        Row(
            group=GROUP,
            name=f"virtual time, {len(PROFILES)} profiles: configured values outside of the measured interval",
            value=sum(not each.ok for each in found),
            unit=f"of {len(found)}",
            target="= 0",
            ok=all(each.ok for each in found),
        ),
        Row(group=GROUP, name="the same: processor time", value=round(busy_s, 1), unit="s"),
    ]
    for mode, tolerance in (("pty", PTY_RATE_TOLERANCE), ("tcp", TCP_RATE_TOLERANCE)):
        found = measure_real_time(mode, SEED)
        speed, delay, *others = found
        rows += [
            _row(speed, f"within {tolerance:.0%}"),
            _row(delay, f"within {DELAY_TOLERANCE_NS / 1e6:g} ms"),
            Row(
                group=GROUP,
                name=f"{speed.profile}: {', '.join(each.effect for each in others)} outside of the measured interval",
                value=sum(not each.ok for each in others),
                unit=f"of {len(others)}",
                target="= 0",
                ok=all(each.ok for each in others),
            ),
        ]
    return rows


def _row(each: Measurement, target: str) -> Row:
    return Row(
        group=GROUP,
        name=f"{each.profile}: {each.effect}, {'median' if each.effect == 'delay' else 'mean'}",
        value=round(each.found.value, 4),
        unit=each.unit,
        peer="configured",
        peer_value=each.configured,
        ratio=round(each.found.value / each.configured, 5),
        target=target,
        ok=each.ok,
    )


if __name__ == "__main__":
    for row in run():
        print(plain(row), flush=True)

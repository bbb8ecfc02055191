"""What a simulated day costs: `long_silence` in virtual time, and whether cost grows with simulated time and no faster.

A mission is one thread that waits for nobody, so its growth is told in processor time, which other loads alter little.

python -m tools.bench.silence
"""

import sys
import tempfile
import time
from pathlib import Path

import msgspec

from hil.scenario.link import PassTable
from hil.scenario.procedure import StepTable
from hil.scenario.scenario import Scenario, load_scenario
from hil.world import World
from tools.bench.row import Row

GROUP = "loop"
DAY_S = 86_400
DAY_WALL_S_MAX = 5.0
DAYS = (1, 7, 30)
# Cost of a day in the longest mission over that in the shortest; starting up makes the shortest dearer.
GROWTH_MAX = 1.25


def run() -> list[Row]:
    """Measure a day, a week and a month."""
    scenario = load_scenario("long_silence")
    _fly(scenario)  # What is built once in a process is no cost of a day.
    costs_s = {days: _fly(longer(scenario, days)) for days in DAYS}
    wall_s = costs_s[DAYS[0]][0]
    first_s, *others_s = (costs_s[days][1] / days for days in DAYS)
    rows = [
        Row(
            group=GROUP,
            name="24 h of long_silence, wall time",
            value=wall_s,
            unit="s",
            target=f"<= {DAY_WALL_S_MAX:g} s",
            ok=wall_s <= DAY_WALL_S_MAX,
        )
    ]
    for days, a_day_s in zip(DAYS[1:], others_s, strict=True):
        growth = a_day_s / first_s
        rows.append(
            Row(
                group=GROUP,
                name=f"a day of long_silence in {days} days, processor time",
                value=a_day_s,
                unit="s",
                peer="in 1 day",
                peer_value=first_s,
                ratio=growth,
                target=f"ratio <= {GROWTH_MAX:g}",
                ok=growth <= GROWTH_MAX,
            )
        )
    return rows


def longer(scenario: Scenario, days: int) -> Scenario:
    """Give the same day again and again: its passes come each day, its commands on the first."""
    passes = [
        PassTable(at_s=each.at_s, duration_s=each.duration_s, every_s=float(DAY_S), count=days)
        for each in scenario.link.passes
    ]
    return msgspec.structs.replace(
        scenario,
        duration_s=float(days * DAY_S),
        link=msgspec.structs.replace(scenario.link, passes=passes),
        procedure=[*scenario.procedure, StepTable(wait_until_s=float(days * DAY_S))],
    )


def _fly(scenario: Scenario) -> tuple[float, float]:
    """Fly a mission, and give what it took in s of wall time and of processor time."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        world = World(scenario, 1, Path(folder), {}, lambda source, event: None)
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        world.run()
        return time.perf_counter() - begun_s, time.process_time() - begun_cpu_s


def main() -> None:
    """Print what was measured."""
    for row in run():
        sys.stdout.write(f"{row.name}: {row.value:.3g} {row.unit} ({row.target}){'' if row.ok else ' MISSED'}\n")


if __name__ == "__main__":
    main()

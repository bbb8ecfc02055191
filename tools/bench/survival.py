"""Random resets, hangs, storage faults and commands against one spacecraft after another, in virtual time.

What must come of it is in `hil.tabletop.survival`: commandable again within its bound after each strike, and SAFE
rather than a reset loop in the end. The suite runs a slice of the seeds.
"""

import tempfile
from pathlib import Path

from hil.tabletop.survival import COMMANDABLE_S_MAX, SurvivalRun
from tools.bench.row import Row

_SEEDS = 100
_CAMPAIGN_SEEDS = 1_000


def run() -> list[Row]:
    """Run the first seeds."""
    return _rows(_SEEDS)


def campaign() -> list[Row]:
    """Run all seeds."""
    return _rows(_CAMPAIGN_SEEDS)


def _rows(seeds: int) -> list[Row]:
    boots, longest_s, failed = 0, 0.0, []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            course = SurvivalRun(seed, Path(folder)).run()
        boots += course.boots
        longest_s = max(longest_s, course.longest_s)
        if course.faults:
            failed.append(f"{seed}: {course.faults[0]}")
    return [
        Row(
            group="autonomy",
            name=f"seeds of {seeds} with a fault ({boots} restarts in all){'; first: ' + failed[0] if failed else ''}",
            value=len(failed),
            unit="seeds",
            target="0",
            ok=not failed,
        ),
        Row(
            group="autonomy",
            name="longest time from a strike until a telecommand is answered",
            value=longest_s,
            unit="s",
            target=f"<= {COMMANDABLE_S_MAX} s",
            ok=longest_s <= COMMANDABLE_S_MAX,
        ),
    ]

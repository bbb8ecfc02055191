"""Soak: missions drawn from seeds, with all that must hold in each, and how many of them a minute one process flies.

python -m tools.bench --campaign --only loop
"""

import os

from hil.soak.campaign import Summary, soak
from tools.bench.row import Row

GROUP = "loop"
PER_MINUTE_MIN = 20
_SEEDS = 40
_CAMPAIGN_SEEDS = 1_000


def run() -> list[Row]:
    """Fly the first seeds."""
    return _rows(_SEEDS)


def campaign() -> list[Row]:
    """Fly all seeds."""
    return _rows(_CAMPAIGN_SEEDS)


def _rows(seeds: int) -> list[Row]:
    summary, failed = Summary(), []
    for outcome in soak(range(seeds), os.cpu_count() or 1):
        summary.take(outcome)
        if outcome.broken:
            failed.append(f"{outcome.seed}: {outcome.broken[0]}")
    return [
        Row(
            group=GROUP,
            name=f"missions of {seeds} that did not hold{'; first: ' + failed[0] if failed else ''}",
            value=summary.failed,
            unit="missions",
            target="none",
            ok=not summary.failed,
        ),
        Row(
            group=GROUP,
            name="drawn missions a minute and process",
            value=summary.per_minute,
            unit="1/min",
            target=f">= {PER_MINUTE_MIN}",
            ok=summary.per_minute >= PER_MINUTE_MIN,
        ),
    ]

"""A guarded job under the flight program that writes checkpoints, beside the bare loop of the same recipe.

The job is some 20 seconds long, and one checkpoint falls into it: rather more than the one a minute that is asked for,
so that three pairs fit into the time of a bench. The bare loop has neither guard nor checkpoints.
`tools.bench.supervision` says how both are measured.
"""

import statistics

from tools.bench.row import Row
from tools.bench.supervision import pair

PAIRS = 3
_TARGET = 0.97

_STEPS = 280
_CHECKPOINT_INTERVAL = 250


def run() -> list[Row]:
    """Measure, in some three minutes."""
    more = f'guard.level = "state"\ntraining.checkpoint_interval = {_CHECKPOINT_INTERVAL}'
    pairs = [pair(_STEPS, more) for _ in range(PAIRS)]
    ratio = statistics.median(supervised / bare for bare, supervised, *_ in pairs)
    return [
        Row(
            group="exact",
            name=f"nanogpt under flight supervision, guard `state`, a checkpoint, telemetry at 1 Hz, {_STEPS} steps",
            value=statistics.median(supervised for _, supervised, *_ in pairs),
            unit="tokens/s",
            peer="the same loop bare",
            peer_value=statistics.median(bare for bare, *_ in pairs),
            ratio=ratio,
            target=f"ratio >= {_TARGET}",
            ok=ratio >= _TARGET,
        )
    ]


if __name__ == "__main__":
    for row in run():
        print(f"{row.name}: {row.value:.0f} {row.unit}, bare {row.peer_value:.0f}, ratio {row.ratio:.4f}")

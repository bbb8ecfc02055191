"""A slice of what `tools.bench.cfdp_goodput` measures whole: near the ceiling, and late by two round trips at most."""

import pytest

from tools.bench.cfdp_goodput import (
    MS,
    NS,
    ONE_LOSS_DELAY_NS,
    ONE_LOSS_OCTETS,
    SIZE_OCTETS,
    TARGETS,
    least_s,
    transfer,
)


@pytest.mark.parametrize(("loss", "delay_ms"), TARGETS)
def test_goodput_is_within_the_target(loss, delay_ms):
    done = transfer(SIZE_OCTETS, delay_ms * MS, loss, seed=1)
    assert done.closed_ns is not None
    # One seed, where the target is for the median: a tenth more.
    assert done.delivered_ns / NS / least_s(loss, delay_ms * MS) < TARGETS[loss, delay_ms] * 1.1


@pytest.mark.parametrize("width", [1, 2])
def test_lost_pdus_cost_two_round_trips_at_most(width):
    undisturbed = transfer(ONE_LOSS_OCTETS, ONE_LOSS_DELAY_NS)
    for side in (0, 1):
        count = undisturbed.pdus_sent[side]
        for number in sorted({*range(0, count, 17), 0, 1, *range(max(0, count - 80), count, 3)}):
            lost = transfer(ONE_LOSS_OCTETS, ONE_LOSS_DELAY_NS, drops=(side, range(number, number + width)))
            assert lost.closed_ns - undisturbed.closed_ns <= 4 * ONE_LOSS_DELAY_NS, (side, number)

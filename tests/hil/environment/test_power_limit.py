"""A limit of the device's power: less heat and power, longer steps, and no more than the device can do."""

import pytest

from hil.environment.power_limit import SimulatedPowerLimit
from hil.scenario.environment import LoadsTable

LOADS = LoadsTable(device_idle_w=100, device_busy_w=700)


@pytest.mark.parametrize(
    ("watts", "busy_w", "slowness"),
    [(None, 700, 1.0), (700, 700, 1.0), (900, 700, 1.0), (400, 400, 2.0), (220, 220, 5.0), (1, 220, 5.0)],
)
def test_a_limit_is_brought_into_what_the_device_can_do(watts, busy_w, slowness):
    limit = SimulatedPowerLimit(LOADS)
    limit.limit(watts)
    assert limit.busy_w == busy_w
    assert limit.slowness == pytest.approx(slowness)


def test_a_limit_that_is_taken_back_leaves_nothing():
    limit = SimulatedPowerLimit(LOADS)
    limit.limit(300)
    limit.limit(None)
    assert (limit.busy_w, limit.slowness) == (700, 1.0)


def test_a_device_that_takes_no_more_at_work_is_never_slower():
    limit = SimulatedPowerLimit(LoadsTable(device_idle_w=100, device_busy_w=100))
    limit.limit(10)
    assert limit.slowness == 1.0

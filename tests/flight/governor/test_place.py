"""Where the spacecraft is: all of it as the receiver says now, or nothing."""

import math

import pytest

from flight.governor.config import GovernorConfig
from flight.governor.panel import Panel
from flight.sensors import Readings

CONFIG = GovernorConfig()
HERE = {"latitude_deg": -33.5, "longitude_deg": 151.25, "altitude_km": 512.0}
S = 1_000_000_000


class Receiver:
    """Sensors that say what they are told to."""

    def __init__(self, **readings):
        self.readings = readings
        self.age_ns = 0
        self.looks = 0

    def read(self, now_ns):
        self.looks += 1
        if "error" in self.readings:
            raise self.readings["error"]
        return Readings(taken_ns=now_ns - self.age_ns, **self.readings)


def place(receiver, now_ns=100 * S):
    return Panel(receiver, reporter=None).place(CONFIG, now_ns)


def test_it_is_what_the_receiver_says_as_whole_numbers_too():
    assert place(Receiver(**HERE)) == (-33.5, 151.25, 512.0)
    assert place(Receiver(**HERE | {"latitude_deg": 90, "longitude_deg": -180, "altitude_km": 0})) == (90, -180, 0)


def test_it_is_read_when_it_is_asked_for_and_once_for_all_three():
    receiver = Receiver(**HERE)
    panel = Panel(receiver, reporter=None)
    assert [panel.place(CONFIG, 5)[index] for index in range(3)] == [-33.5, 151.25, 512.0]
    assert receiver.looks == 1
    receiver.readings["latitude_deg"] = -34.0
    assert panel.place(CONFIG, 6)[0] == -34.0


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -2e6, 2e6, "north", True])
def test_what_cannot_be_is_nowhere(name, value):
    assert all(map(math.isnan, place(Receiver(**HERE | {name: value}))))


def test_a_receiver_that_fails_or_is_old_is_none():
    assert all(map(math.isnan, place(Receiver(error=OSError("gone")))))
    old = Receiver(**HERE)
    old.age_ns = 60 * S
    assert all(map(math.isnan, place(old)))

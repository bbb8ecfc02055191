"""One sensor: what can be, what cannot, when it is lost, and when it counts again."""

import math
from dataclasses import replace

import pytest

from flight.governor.gauge import SPANS, Gauge, Standing
from flight.governor.panel import PLACE
from flight.sensors import Readings
from mission.governor import Sensor

S = 1_000_000_000
PATIENCE_NS = 10 * S
GOOD = {
    "battery_charge": 0.5, "battery_capacity_j": 4e5, "solar_w": 300.0, "bus_load_w": 90.0, "device_w": 30.0,
    "device_c": 50.0, "radiator_c": 10.0, "battery_c": 12.0, "eclipse_in_s": 900.0, "sunlight_in_s": 0.0,
    "eclipse_s": 2000.0, "sunlight_s": 3600.0,
}  # fmt: skip
CANNOT_BE = (None, math.nan, math.inf, -math.inf, 1e15, -1e15, "hot", True)


def look(gauge, seconds, value, fault=""):
    readings = None if fault else Readings(taken_ns=0, **{**GOOD, SPANS[gauge._sensor].field: value})
    return gauge.read(readings, fault, PATIENCE_NS, round(seconds * S))


def good(sensor):
    return GOOD[SPANS[sensor].field]


def test_every_reading_has_its_sensor():
    fields = {span.field for span in SPANS.values()}
    # Where it is holds no job back, and is read when somebody asks.
    assert fields == set(Readings.__slots__) - {"taken_ns", *PLACE}
    assert set(SPANS) == set(Sensor)


@pytest.mark.parametrize("sensor", Sensor, ids=lambda sensor: sensor.name)
@pytest.mark.parametrize("value", CANNOT_BE)
def test_what_cannot_be_is_never_taken_and_after_a_while_the_sensor_is_lost(sensor, value):
    gauge = Gauge(sensor)
    assert not look(gauge, 0, value)
    assert (gauge.standing, math.isnan(gauge.value)) == (Standing.ABSENT, True)
    look(gauge, 1, good(sensor))
    assert gauge.value == good(sensor)
    assert not look(gauge, 10.9, value)
    assert (gauge.standing, gauge.value) == (Standing.GOOD, good(sensor))
    assert look(gauge, 11, value)
    assert (gauge.standing, math.isnan(gauge.value)) == (Standing.LOST, True)
    assert gauge.fault.endswith("for 10 s")


def test_a_lost_sensor_counts_again_after_it_was_good_for_as_long():
    gauge = Gauge(Sensor.DEVICE_TEMPERATURE)
    look(gauge, 0, 50.0)
    look(gauge, 10, None)
    assert not look(gauge, 12, 50.0)
    look(gauge, 15, math.nan)
    assert not look(gauge, 24, 50.0)
    assert gauge.standing is Standing.LOST
    assert look(gauge, 25, 51.0)
    assert (gauge.standing, gauge.value) == (Standing.GOOD, 51.0)


def test_one_that_was_never_there_is_no_matter_unless_it_is_expected():
    gauge = Gauge(Sensor.BATTERY_CHARGE)
    for second in range(100):
        assert not look(gauge, second, None)
    assert gauge.standing is Standing.ABSENT
    assert gauge.expect(100 * S)
    assert (gauge.standing, gauge.fault) == (Standing.LOST, "expected, and never there")
    assert not gauge.expect(101 * S)
    look(gauge, 110, 0.5)
    assert gauge.standing is Standing.GOOD


def test_why_there_are_no_readings_is_why_the_sensor_is_lost():
    gauge = Gauge(Sensor.SOLAR_POWER)
    look(gauge, 0, 100.0)
    look(gauge, 20, None, fault="cannot be read: bus error")
    assert gauge.fault == "cannot be read: bus error for 20 s"


@pytest.mark.parametrize(("told", "charge"), [(1.04, 1.0), (-0.03, 0.0), (0.5, 0.5)])
def test_a_fuel_gauge_may_be_a_little_off_its_ends(told, charge):
    gauge = Gauge(Sensor.BATTERY_CHARGE)
    look(gauge, 0, told)
    assert gauge.value == charge


def test_readings_are_frozen():
    readings = Readings(taken_ns=1, device_c=20.0)
    with pytest.raises(AttributeError):
        readings.device_c = 3.0
    assert replace(readings, device_c=None).battery_charge is None

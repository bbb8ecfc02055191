"""Power and heat in real time: the flight software reads, as sensors of a board, what the orbit and the work make."""

from dataclasses import asdict, fields, replace

import pytest

from flight.board.mapping import read_mapping
from flight.board.sensors import BoardSensors
from flight.sensors import Readings
from hil.orbit.pass_list import pass_list
from hil.rig.surroundings import SITES, TABLE, RealTimeSurroundings, outlook_from

UNIX_NS = 1_803_902_400_000_000_000  # 2027-03-01T12:00:00Z
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def outlook():
    return outlook_from(UNIX_NS)


def read(surroundings):
    readings = asdict(BoardSensors(read_mapping(surroundings.sensors_path)).read(0))
    return {name: value for name, value in readings.items() if value is not None}


def test_the_flight_software_reads_every_sensor_from_the_start(outlook, tmp_path):
    values = read(RealTimeSurroundings(outlook, tmp_path / "a folder" / "sensors"))
    assert values["battery_charge"] == pytest.approx(TABLE.battery.charge)
    assert values["battery_capacity_j"] == TABLE.battery.capacity_wh * 3_600
    assert values["bus_load_w"] == TABLE.loads.bus_w + TABLE.loads.device_off_w
    assert {"solar_w", "device_w", "device_c", "radiator_c", "battery_c", "eclipse_in_s", "eclipse_s"} <= values.keys()


def test_every_reading_has_a_sensor_also_one_that_is_not_known_at_first(outlook, tmp_path):
    surroundings = RealTimeSurroundings(outlook, tmp_path)
    named = {probe.field for probe in read_mapping(surroundings.sensors_path)}
    assert named == {each.name for each in fields(Readings)} - {"taken_ns"}
    known = {name for name, value in asdict(surroundings._sensors.read(0)).items() if value is not None}
    assert set(read(surroundings)) | {"taken_ns"} == known


def test_what_is_known_no_more_is_read_no_more(outlook, tmp_path):
    surroundings = RealTimeSurroundings(outlook, tmp_path)
    assert "eclipse_in_s" in read(surroundings)
    surroundings._sensors = UnknownSky(surroundings._sensors)
    surroundings.advance(60 * SECOND)
    assert "eclipse_in_s" not in read(surroundings)
    assert "battery_charge" in read(surroundings)


class UnknownSky:
    """Sensors as they are when no eclipse is reckoned ahead any more."""

    def __init__(self, sensors):
        self._sensors = sensors
        self.now_ns = 0

    def read(self, now_ns):
        self._sensors.now_ns = self.now_ns
        return replace(self._sensors.read(now_ns), eclipse_in_s=None, eclipse_s=None)


def test_work_draws_power_and_warms_the_device_and_the_end_of_it_lets_it_cool(outlook, tmp_path):
    surroundings = RealTimeSurroundings(outlook, tmp_path)
    cold = read(surroundings)
    surroundings.work(True, 5 * SECOND)
    for at_s in range(5, 601):
        surroundings.advance(at_s * SECOND)
    hot = read(surroundings)
    assert hot["device_w"] == pytest.approx(TABLE.loads.device_busy_w)
    assert hot["bus_load_w"] == pytest.approx(TABLE.loads.bus_w + TABLE.loads.device_busy_w)
    assert hot["device_c"] > cold["device_c"] + 5
    surroundings.work(False, 600 * SECOND)
    surroundings.advance(1_200 * SECOND)
    rested = read(surroundings)
    assert rested["device_w"] == TABLE.loads.device_off_w
    assert rested["device_c"] < hot["device_c"] - 3


def test_all_work_of_a_day_never_empties_the_battery_nor_trips_the_device(outlook, tmp_path):
    """Nothing would come of either in real time, so it must not come to that."""
    surroundings = RealTimeSurroundings(outlook, tmp_path)
    surroundings.work(True, 0)
    charges, temperatures = [], []
    for at_s in range(0, 86_400, 600):
        surroundings.advance(at_s * SECOND)
        now = read(surroundings)
        charges.append(now["battery_charge"])
        temperatures.append(now["device_c"])
    assert min(charges) > TABLE.battery.restart_charge
    assert max(charges) - min(charges) > 0.1
    assert max(temperatures) < TABLE.thermal.device_trip_c - 20


@pytest.mark.parametrize("hour", range(0, 24, 5))
def test_it_is_in_sight_of_a_station_when_somebody_opens_the_console(hour):
    outlook = outlook_from(UNIX_NS + hour * 3_600 * SECOND)
    assert any(span.start_s <= 60 < span.end_s - 120 for span in outlook.contacts)
    assert {each.site.name for each in outlook.passes} == set(SITES)
    assert pass_list(outlook, UNIX_NS / SECOND).count("[[pass]]") == len(outlook.passes)

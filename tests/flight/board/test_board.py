"""The board's own sensors, with a tree like /sys, a GPU's driver, and an operator's file on the table."""

import math
import os
import types

import pytest
from click.testing import CliRunner

from ccsds.errors import MisuseError
from flight.__main__ import BAD_INPUT_STATUS, main
from flight.board import nvml
from flight.board.mapping import read_mapping
from flight.board.sensors import SYSFS, BoardSensors, PowerCap, open_sensors
from flight.board.sysfs import find_power_cap, find_probes
from flight.sensors import Readings

LAPTOP = {
    "class/power_supply/AC/type": "Mains",
    "class/power_supply/BAT0/type": "Battery",
    "class/power_supply/BAT0/capacity": "67",
    "class/power_supply/BAT0/energy_full": "50000000",
    "class/power_supply/BAT0/temp": "312",
    "class/power_supply/hidpp_battery_0/type": "Battery",
    "class/power_supply/hidpp_battery_0/scope": "Device",
    "class/power_supply/hidpp_battery_0/capacity": "5",
    "class/thermal/thermal_zone0/type": "acpitz",
    "class/thermal/thermal_zone0/temp": "20000",
    "class/thermal/thermal_zone1/type": "x86_pkg_temp",
    "class/thermal/thermal_zone1/temp": "61000",
    "class/hwmon/hwmon3/name": "coretemp",
    "class/hwmon/hwmon3/temp1_input": "63500",
    "class/hwmon/hwmon3/temp2_input": "58000",
}
JETSON = {
    "class/thermal/thermal_zone0/type": "cpu-thermal",
    "class/thermal/thermal_zone0/temp": "51000",
    "class/thermal/thermal_zone1/type": "gpu-thermal",
    "class/thermal/thermal_zone1/temp": "48500",
    "class/hwmon/hwmon1/name": "ina3221",
    "class/hwmon/hwmon1/in1_label": "VDD_IN",
    "class/hwmon/hwmon1/in1_input": "5000",
    "class/hwmon/hwmon1/curr1_input": "3000",
    "class/hwmon/hwmon1/in2_label": "VDD_CPU_GPU_CV",
    "class/hwmon/hwmon1/in2_input": "5000",
    "class/hwmon/hwmon1/curr2_input": "1200",
    "class/hwmon/hwmon1/in3_label": "VDD_SOC",
    "class/hwmon/hwmon1/in3_input": "5000",
    "class/hwmon/hwmon1/curr3_input": "400",
}
DESKTOP = {
    "class/hwmon/hwmon0/name": "k10temp",
    "class/hwmon/hwmon0/temp1_input": "70000",
    "class/hwmon/hwmon5/name": "amdgpu",
    "class/hwmon/hwmon5/temp1_input": "55000",
    "class/hwmon/hwmon5/power1_average": "35000000",
    "class/hwmon/hwmon5/power1_cap": "250000000",
}
CHARGE_ONLY = {
    "class/power_supply/battery/type": "Battery",
    "class/power_supply/battery/charge_now": "1500000",
    "class/power_supply/battery/charge_full": "3000000",
    "class/power_supply/battery/voltage_min_design": "3700000",
}
CASES = {
    "laptop": (
        LAPTOP, {"battery_charge": 0.67, "battery_capacity_j": 180_000.0, "battery_c": 31.2, "device_c": 63.5}
    ),
    "jetson": (JETSON, {"device_c": 48.5, "bus_load_w": 15.0, "device_w": 6.0}),
    "desktop": (DESKTOP, {"device_c": 55.0, "device_w": 35.0}),
    "charge only": (CHARGE_ONLY, {"battery_charge": 0.5, "battery_capacity_j": 3 * 3.7 * 3600.0}),
    "nothing": ({}, {}),
}  # fmt: skip


def lay(root, tree):
    for name, value in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return root


def values(readings):
    return {name: getattr(readings, name) for name in Readings.__slots__ if getattr(readings, name) is not None}


@pytest.fixture(autouse=True)
def no_driver(monkeypatch):
    """No test depends on what this computer has."""
    monkeypatch.setattr(nvml.importlib, "import_module", _no_module)


def _no_module(name):
    raise ImportError(name)


@pytest.mark.parametrize(("tree", "expected"), CASES.values(), ids=CASES)
def test_each_kind_of_board_is_read_as_it_is(tmp_path, tree, expected):
    sensors = BoardSensors(find_probes(lay(tmp_path, tree)))
    assert values(sensors.read(7)) == pytest.approx({"taken_ns": 7, **expected})


def test_a_sensor_that_cannot_be_read_gives_nothing_and_the_others_go_on(tmp_path):
    sensors = BoardSensors(find_probes(lay(tmp_path, LAPTOP)))
    (tmp_path / "class/power_supply/BAT0/capacity").unlink()
    (tmp_path / "class/power_supply/BAT0/temp").write_text("warm")
    (tmp_path / "class/hwmon/hwmon3/temp1_input").write_text("")
    assert values(sensors.read(0)) == {"taken_ns": 0, "battery_capacity_j": 180_000.0, "device_c": 61.0}


def test_a_battery_that_says_it_holds_nothing_when_full_gives_no_charge(tmp_path):
    sensors = BoardSensors(find_probes(lay(tmp_path, {**CHARGE_ONLY, "class/power_supply/battery/charge_full": "0"})))
    assert "battery_charge" not in values(sensors.read(0))


@pytest.mark.parametrize("content", ["", "x", "1 2", "0x10", "9" * 64 + "x", "\x00"])
def test_a_file_that_holds_no_number_gives_nothing(tmp_path, content):
    (tmp_path / "value").write_text(content)
    (tmp_path / "map.toml").write_text(f'[solar_w]\npath = "{tmp_path}/value"\n')
    assert BoardSensors(read_mapping(tmp_path / "map.toml")).read(0).solar_w is None


def test_an_operators_file_goes_before_what_is_found(tmp_path):
    lay(tmp_path, LAPTOP)
    (tmp_path / "solar").write_text("12500\n")
    (tmp_path / "map.toml").write_text(
        f'[solar_w]\npath = "{tmp_path}/solar"\nscale = 0.001\noffset = -0.5\n'
        f'[device_c]\npath = "{tmp_path}/solar"\nscale = 0.002\n'
    )
    board = open_sensors(str(tmp_path / "map.toml"), tmp_path)
    readings = board.sensors.read(0)
    assert (readings.solar_w, readings.device_c, readings.battery_charge) == pytest.approx((12.0, 25.0, 0.67))
    assert f"solar_w from {tmp_path}/solar" in str(board.sensors)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[solar", "expected TOML"),
        ("[sun]\npath = 'x'", "sun: expected one of battery_charge"),
        ("solar_w = 3", "solar_w: expected a table with a path"),
        ("[solar_w]\nscale = 2", "solar_w: expected a table with a path"),
        ("[solar_w]\npath = 3", "solar_w.path: expected a text, found 3"),
        ("[solar_w]\npath = 'x'\nscale = true", "solar_w.scale: expected a number, found True"),
        ("[solar_w]\npath = 'x'\nfactor = 2", "solar_w.factor: expected one of path, scale, offset"),
    ],
)  # fmt: skip
def test_an_operators_file_that_says_what_cannot_be_is_refused(tmp_path, text, complaint):
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(MisuseError) as refused:
        open_sensors(str(path), tmp_path)
    assert complaint in str(refused.value)
    assert str(path) in str(refused.value)


def test_none_is_none_and_auto_that_finds_nothing_is_refused(tmp_path):
    assert open_sensors("none") == (None, None)
    with pytest.raises(MisuseError, match="auto: expected a battery, a temperature or a power"):
        open_sensors("auto", tmp_path)
    with pytest.raises(MisuseError, match="expected none, auto or a file, found No such file"):
        open_sensors(str(tmp_path / "map.toml"), tmp_path)


def test_the_program_refuses_sensors_that_are_not_there(tmp_path):
    arguments = ["--link", "pty:", "--store", str(tmp_path / "store"), "--insecure", "--sensors", "no.toml"]
    outcome = CliRunner().invoke(main, arguments, env={"STARLOOP_DATA": os.environ.get("STARLOOP_DATA", "")})
    assert outcome.exit_code == BAD_INPUT_STATUS
    assert "flight: --sensors no.toml: expected none, auto or a file" in outcome.output


def test_a_gpu_is_limited_by_its_file(tmp_path):
    lay(tmp_path, DESKTOP)
    path = find_power_cap(tmp_path)
    assert path == tmp_path / "class/hwmon/hwmon5/power1_cap"
    cap = open_sensors("auto", tmp_path).power_limit
    assert isinstance(cap, PowerCap)
    cap.limit(80.5)
    assert path.read_text() == "80500000"
    cap.limit(None)
    assert path.read_text() == "0"


class Driver(types.ModuleType):
    """Two GPUs as the binding shows them."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def __init__(self, gpus=2):
        super().__init__("pynvml")
        self.gpus = gpus
        self.lost = False
        self.has_power = True
        self.limits = {}

    def nvmlInit(self):  # noqa: N802
        if self.gpus < 0:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self):  # noqa: N802
        return self.gpus

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetTemperature(self, handle, sensor):  # noqa: N802
        self._ask()
        return 60 + handle

    def nvmlDeviceGetPowerUsage(self, handle):  # noqa: N802
        self._ask()
        if not self.has_power:
            raise self.NVMLError("Not Supported")
        return 100_000 + handle

    def nvmlDeviceGetPowerManagementLimitConstraints(self, handle):  # noqa: N802
        return [100_000, 700_000]

    def nvmlDeviceGetPowerManagementDefaultLimit(self, handle):  # noqa: N802
        return 650_000

    def nvmlDeviceSetPowerManagementLimit(self, handle, limit_mw):  # noqa: N802
        self._ask()
        self.limits[handle] = limit_mw

    def _ask(self):
        if self.lost:
            raise self.NVMLError("GPU is lost")


@pytest.fixture
def driver(monkeypatch):
    made = Driver()
    monkeypatch.setattr(nvml.importlib, "import_module", lambda name: made)
    return made


def test_gpus_tell_the_highest_temperature_and_the_power_of_all(tmp_path, driver):
    sensors = open_sensors("auto", lay(tmp_path, LAPTOP)).sensors
    readings = sensors.read(0)
    assert (readings.device_c, readings.device_w) == (61.0, pytest.approx(200.001))
    assert readings.battery_charge == pytest.approx(0.67)
    driver.lost = True
    readings = sensors.read(0)
    assert (readings.device_c, readings.device_w, readings.battery_charge) == (None, None, pytest.approx(0.67))


def test_gpus_share_a_limit_within_what_they_can_do(tmp_path, driver):
    limit = open_sensors("auto", tmp_path).power_limit
    limit.limit(500)
    assert driver.limits == {0: 250_000, 1: 250_000}
    limit.limit(50)
    assert driver.limits == {0: 100_000, 1: 100_000}
    limit.limit(None)
    assert driver.limits == {0: 650_000, 1: 650_000}
    driver.lost = True
    with pytest.raises(OSError, match="GPU is lost"):
        limit.limit(300)


def test_a_gpu_without_a_sensor_of_power_is_read_for_its_temperature(tmp_path, driver):
    driver.has_power = False
    assert values(open_sensors("auto", tmp_path).sensors.read(0)) == {"taken_ns": 0, "device_c": 61.0}


@pytest.mark.parametrize("gpus", [-1, 0])
def test_no_driver_and_no_gpu_are_no_sensors(driver, gpus):
    driver.gpus = gpus
    assert nvml.open_nvml() == ([], None)


def test_what_this_computer_really_has_is_read_without_a_failure():
    readings = BoardSensors(find_probes(SYSFS)).read(3)
    assert readings.taken_ns == 3
    for name, value in values(readings).items():
        assert math.isfinite(value), name

"""The sensors of this computer: those that are found by themselves, or that a file of the operator's names.

A sensor that cannot be read at one look gives nothing at that look; whether it is lost then, the governor says.
"""

from pathlib import Path
from typing import NamedTuple

import psutil

from ccsds.errors import MisuseError
from flight.board.mapping import read_mapping
from flight.board.nvml import open_nvml
from flight.board.probe import Probe
from flight.board.sysfs import find_power_cap, find_probes
from flight.sensors import PowerLimit, Readings

SYSFS = Path("/sys")


class BoardSensors:
    """The sensors of a board (a `flight.sensors.Sensors`).

    Args:
        probes: Where what is read; at most one of each field.
    """

    def __init__(self, probes: list[Probe]) -> None:
        self._probes = probes

    def read(self, now_ns: int) -> Readings:
        """See `flight.sensors.Sensors`."""
        values: dict[str, float] = {}
        for probe in self._probes:
            try:
                values[probe.field] = probe.read()
            except (OSError, ValueError):
                continue
        return Readings(taken_ns=now_ns, **values)

    def __str__(self) -> str:
        return "; ".join(f"{probe.field} from {probe.source}" for probe in self._probes)


class PowerCap:
    """Limits the power of a GPU by a file of its driver, in microwatts (a `flight.sensors.PowerLimit`).

    Args:
        path: The file ``power1_cap`` of its monitor.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def limit(self, watts: float | None) -> None:
        """See `flight.sensors.PowerLimit`. The driver takes 0 for what it does by itself."""
        self._path.write_text(str(round((watts or 0) * 1e6)), encoding="ascii")


class Board(NamedTuple):
    """What a board has."""

    sensors: BoardSensors | None
    power_limit: PowerLimit | None


def open_sensors(name: str, sysfs: Path = SYSFS) -> Board:
    """Open the sensors of a name: ``none``, ``auto``, or the path of a file that names them (`flight.board.mapping`).

    Those that such a file does not name are found as with ``auto``.

    Args:
        name: Which.
        sysfs: Where the kernel says what it knows.

    Raises:
        MisuseError: The file is not there, or says what cannot be; or ``auto`` finds nothing.
    """
    if name == "none":
        return Board(None, None)
    named = [] if name == "auto" else read_mapping(Path(name))
    of_gpu, power_limit = open_nvml()
    known: dict[str, Probe] = {}
    for probe in (*named, *of_gpu, *find_probes(sysfs), *(_by_psutil() if sysfs == SYSFS else ())):
        known.setdefault(probe.field, probe)
    if not known:
        raise MisuseError("--sensors auto: expected a battery, a temperature or a power that can be read, found none")
    if power_limit is None:
        path = find_power_cap(sysfs)
        power_limit = PowerCap(path) if path is not None else None
    return Board(BoardSensors(list(known.values())), power_limit)


def _by_psutil() -> list[Probe]:
    """Give the battery's charge as psutil has it, where there is no /sys to read it from."""
    if not hasattr(psutil, "sensors_battery") or psutil.sensors_battery() is None:
        return []

    def read() -> float:
        battery = psutil.sensors_battery()
        if battery is None:
            raise OSError("no battery")
        return battery.percent / 100

    return [Probe("battery_charge", "psutil", read)]

"""What a spacecraft in real time flies through: sunlight, power and heat by an orbit, given to it as files of sensors.

The flight software reads them as it reads those of a board (`flight --sensors FILE`). What the device does is told by
whoever looks after the programs. An empty battery or a hot device takes nothing away here: in real time the power that
the programs run on is the computer's. So the spacecraft is one whose array can feed its device.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import msgspec

from ccsds.time import tai_ns_from_unix
from flight.sensors import Readings
from hil.environment.activity import Activity
from hil.environment.environment import Environment
from hil.environment.sensors import EnvironmentSensors
from hil.orbit.outlook import Outlook
from hil.orbit.pass_list import pass_list
from hil.scenario.environment import EnvironmentTable, LoadsTable, ThermalTable
from hil.scenario.orbit import OrbitTable, SiteTable, outlook_of

NS_PER_S = 1_000_000_000

ORBIT = "sso_500"
SITES = ("svalbard_78", "inuvik_68", "munich_48", "punta_arenas_53")

# Assumption: an accelerator for the edge, such as fits below a kitchen table and can be fed by 1.5 m2 of array. A light
# one on a light radiator, so that who looks for minutes sees it warm up.
TABLE = EnvironmentTable(
    loads=LoadsTable(bus_w=60.0, device_idle_w=40.0, device_busy_w=260.0),
    thermal=ThermalTable(device_j_k=1_500.0, radiator_j_k=3_000.0),
)

# Passes are reckoned so far ahead: somebody may leave it on for a weekend.
DURATION_S = 4 * 86_400.0

# Where in its orbit the spacecraft may begin: that it is seen at once, and for as long as can be.
_ANOMALIES_DEG = range(0, 360, 15)
_SEEN_AT_S = 60.0


NAMES = tuple(each.name for each in fields(Readings) if each.name != "taken_ns")
"""Of what is measured, whether it is known at first or not."""


class RealTimeSurroundings:
    """Surroundings of one spacecraft; their time begins with `outlook`'s.

    Args:
        outlook: Where it flies.
        folder: Where the files of its sensors are.
    """

    def __init__(self, outlook: Outlook, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._activity = Activity()
        self._environment = Environment(TABLE, outlook.satellite, self._activity, outlook.duration_s)
        self._sensors = EnvironmentSensors(self._environment, outlook.satellite, outlook.shadows)
        self._is_working = False
        self._worked_ns = 0
        self._write()
        self.sensors_path = folder / "sensors.toml"
        """What `flight --sensors` is told."""
        self.sensors_path.write_text(
            "".join(f"[{name}]\npath = {msgspec.json.encode(str(folder / name)).decode()}\n" for name in NAMES)
        )

    def work(self, is_working: bool, now_ns: int) -> None:
        """Note whether the device works from now on."""
        self._note(now_ns)
        self._is_working = is_working
        if is_working:
            self._activity.switch_on(now_ns)
        else:
            self._activity.switch_off(now_ns)

    def advance(self, now_ns: int) -> None:
        """Reckon what is over, and have the sensors say so."""
        self._note(now_ns)
        self._sensors.now_ns = now_ns
        before = self._environment.now.time_s
        self._environment.advance(now_ns)
        if self._environment.now.time_s != before:
            self._write()

    def _note(self, now_ns: int) -> None:
        if self._is_working:
            self._activity.work(self._worked_ns, now_ns)
        self._worked_ns = now_ns

    def _write(self) -> None:
        """Write each reading into its file, which always holds one whole number; one that is not known has no file."""
        readings = asdict(self._sensors.read(0))
        for name in NAMES:
            value = readings[name]
            if value is None:
                (self._folder / name).unlink(missing_ok=True)
                continue
            unfinished = self._folder / f"{name}.unfinished"
            unfinished.write_text(f"{value:.9g}")
            unfinished.replace(self._folder / name)


def outlook_from(unix_ns: int, sites: Sequence[str] = SITES) -> Outlook:
    """Give an orbit whose spacecraft is in sight of a station as it begins, and stays so for as long as can be.

    Args:
        unix_ns: When it begins.
        sites: Names of stations (`hil.orbit.named`).
    """
    tai_s = tai_ns_from_unix(unix_ns) / NS_PER_S
    tables = [SiteTable(name=name) for name in sites]

    def seen_until_s(anomaly_deg: int) -> float:
        orbit = OrbitTable(name=ORBIT, anomaly_deg=anomaly_deg)
        ahead = Outlook(orbit.satellite(tai_s), [each.site() for each in tables], _SEEN_AT_S + 1_200)
        return max((span.end_s for span in ahead.contacts if span.start_s <= _SEEN_AT_S < span.end_s), default=0.0)

    anomaly_deg = max(_ANOMALIES_DEG, key=seen_until_s)
    return outlook_of(OrbitTable(name=ORBIT, anomaly_deg=anomaly_deg), tables, tai_s, DURATION_S)


def write_passes(outlook: Outlook, unix_ns: int, path: Path) -> None:
    """Write the passes ahead as a ground station reads them."""
    path.write_text(pass_list(outlook, unix_ns / NS_PER_S))

"""Thirty days on its own: a whole spacecraft and a whole station in virtual time, four short contacts a day.

In the first contact 10,000 activities go into the schedule, 200 monitors are defined and housekeeping is asked for each
minute, by telecommand, over the link with keys. From then on the spacecraft is left to itself: it releases, watches,
keeps housekeeping and events in its packet stores, plays them back in contact, and scrubs. Memory is what the
spacecraft object leads to, without its simulated disk: the world around it keeps evidence of all that happened.

    python -m tools.bench.days
"""

import gc
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ccsds.pus.telecommand import Telecommand
from ccsds.time import tai_ns_from_unix
from hil.scenario.link import LinkTable, PassTable
from hil.scenario.procedure import StepTable
from hil.scenario.scenario import Scenario
from hil.scenario.spacecraft import SpacecraftTable
from hil.world import World
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.dictionary import Setting
from mission.field_types import UInt
from mission.monitoring import CheckKind
from tools.bench.row import Row, plain

GROUP = "autonomy"
NS_PER_S = 1_000_000_000
DAY_S = 86_400

PASSES_A_DAY = 4
PASS_S = 480.0
ACTIVITIES = 10_000
ACTIVITIES_A_COMMAND = 16
MONITORS = 200
MONITORS_A_COMMAND = 12
MONITOR_INTERVAL_MS = 60_000
# The structure `core`, kept on board between contacts.
CORE = 1
HOUSEKEEPING_INTERVAL_MS = 60_000
# Commands under way at once while all is set up.
OUTSTANDING_MAX = 16
TAI_S = tai_ns_from_unix(1_800_000_000 * NS_PER_S) // NS_PER_S
# Nothing is released before all of it is set up.
QUIET_S = 3_600


class Days:
    """One mission.

    Args:
        days: How long it is.
        activities: How many are scheduled, evenly over the time.
        monitors: How many watch.
        folder: For the stores; it exists and is empty.
    """

    def __init__(self, days: int, activities: int, monitors: int, folder: Path) -> None:
        self.days = days
        self.answers: Counter[str] = Counter()
        """What scheduled commands came to."""
        self.held_octets: list[int] = []
        """Memory that the spacecraft holds at the end of each day."""
        self._commands = self._set_up(activities, monitors)
        self.commands_open = len(self._commands)
        """Commands of the set-up that are not completed."""
        starts_s = [10 + DAY_S * index / PASSES_A_DAY for index in range(days * PASSES_A_DAY)]
        scenario = Scenario(
            name="days",
            duration_s=float(days * DAY_S),
            spacecraft=SpacecraftTable(corpora=[], tai_s=TAI_S),
            link=LinkTable(
                profile="sband", passes=[PassTable(at_s=start_s, duration_s=PASS_S) for start_s in starts_s]
            ),
            # A step that never ends: the mission goes on until its time is over.
            procedure=[StepTable(wait_for_file="never")],
        )
        self._is_setting_up = False
        self.world = World(scenario, 1, folder, {}, self._watch)
        self.spacecraft_s = 0.0
        """Processor time of the spacecraft, its disk included."""
        for name in ("start", "advance", "receive", "transmit", "contact", "next_deadline", "take_events"):
            setattr(self.world.spacecraft, name, self._timed(getattr(self.world.spacecraft, name)))

    def run(self) -> float:
        """Let it happen, and give the processor time it took."""
        start_s = time.process_time()
        self.world.run()
        return time.process_time() - start_s

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            start_s = time.process_time()
            try:
                return method(*arguments, **named)
            finally:
                self.spacecraft_s += time.process_time() - start_s

        return call

    def _set_up(self, activities: int, monitors: int) -> list[tuple[str, Mapping[str, Any]]]:
        """Give the commands that tell the spacecraft what to do."""
        commands: list[tuple[str, Mapping[str, Any]]] = [
            ("schedule.enable", {}),
            ("monitoring.enable", {}),
            ("housekeeping.interval", {"structures": [CORE], "interval": HOUSEKEEPING_INTERVAL_MS}),
            ("housekeeping.enable", {"structures": [CORE]}),
        ]
        span_ns = (self.days * DAY_S - QUIET_S - 60) * NS_PER_S
        rows = [
            {
                "release_time": (TAI_S + QUIET_S) * NS_PER_S + index * span_ns // activities,
                "request": Telecommand(
                    apid=Apid.CORE, service=17, subtype=1, source_id=index >> 14, sequence_count=index & 0x3FFF
                ).encode(),
            }
            for index in range(activities)
        ]
        for start in range(0, activities, ACTIVITIES_A_COMMAND):
            commands.append(("schedule.insert", {"activities": rows[start : start + ACTIVITIES_A_COMMAND]}))
        # Every count on board, each by several monitors.
        counts = [
            number
            for number, each in DICTIONARY.parameters.items()
            if isinstance(each.shape.type, UInt) and not isinstance(each, Setting)
        ]
        watched = [
            {
                "monitor": index + 1,
                "parameter": counts[index % len(counts)],
                "kind": CheckKind.LIMIT,
                "low": 0,
                "high": 10**18,
                "interval": MONITOR_INTERVAL_MS,
            }
            for index in range(monitors)
        ]
        for start in range(0, monitors, MONITORS_A_COMMAND):
            some = watched[start : start + MONITORS_A_COMMAND]
            commands.append(("monitoring.add", {"monitors": some}))
            commands.append(("monitoring.enable_monitors", {"monitors": [each["monitor"] for each in some]}))
        return commands[::-1]

    def _watch(self, source: str, event: Mapping[str, Any]) -> None:
        match source, event["type"]:
            case "spacecraft", "CommandAnswered" if event["name"] == "test.connection":
                self.answers[event["outcome"]] += 1
            case "hil", "ContactChanged" if not self._is_setting_up:
                self._is_setting_up = True
                for _ in range(OUTSTANDING_MAX):
                    self._send()
            case "station", "CommandStaged" if event["stage"] == "COMPLETED" and self.commands_open:
                self.commands_open -= 1
                self._send()
        if event["time_ns"] // (DAY_S * NS_PER_S) > len(self.held_octets):
            self.held_octets.append(held_octets(self.world.spacecraft.core))

    def _send(self) -> None:
        if self._commands:
            self.world.station.command(*self._commands.pop(), self.world.now_ns)


def held_octets(root: object) -> int:
    """Give the memory of all objects that an object leads to, but for modules, classes and what is simulated."""
    modules = {id(vars(module)) for module in list(sys.modules.values())}
    seen: set[int] = set()
    waiting = [root]
    octets = 0
    while waiting:
        each = waiting.pop()
        if id(each) in seen or id(each) in modules or isinstance(each, type | ModuleType):
            continue
        if type(each).__module__.startswith(("hil.", "tools.")):
            continue
        seen.add(id(each))
        octets += sys.getsizeof(each)
        waiting += gc.get_referents(each)
    return octets


def run() -> list[Row]:
    """Measure, and give the rows."""
    with tempfile.TemporaryDirectory() as folder:
        mission = Days(30, ACTIVITIES, MONITORS, Path(folder))
        busy_s = mission.run()
    first, last = mission.held_octets[1], mission.held_octets[-1]
    what = f"30 days, {PASSES_A_DAY} contacts a day, {ACTIVITIES} scheduled commands, {MONITORS} monitors, housekeeping"
    executed = mission.answers["executed"]
    return [
        Row(
            group=GROUP,
            name=f"{what}: processor time of the spacecraft",
            value=round(mission.spacecraft_s, 1),
            unit="s",
            target="< 60 s",
            ok=mission.spacecraft_s < 60,
        ),
        Row(
            group=GROUP,
            name="the same with the station, its archive and keys, the link and the evidence",
            value=round(busy_s, 1),
            unit="s",
        ),
        Row(
            group=GROUP,
            name="of these, scheduled commands executed, each once",
            value=executed,
            unit="",
            target=f"= {ACTIVITIES}",
            ok=mission.answers == {"executed": ACTIVITIES} and mission.commands_open == 0,
        ),
        Row(
            group=GROUP,
            name="memory that the spacecraft holds at the end of day 29",
            value=round(last / 1e6, 2),
            unit="MB",
            peer="the end of day 2",
            peer_value=round(first / 1e6, 2),
            ratio=round(last / first, 3),
            target="ratio <= 1.05",
            ok=last <= 1.05 * first,
        ),
    ]


if __name__ == "__main__":
    for row in run():
        print(plain(row), flush=True)

"""Thirty days on its own: a whole spacecraft and a whole station in virtual time, four short contacts a day.

In the first contact 10,000 activities go into the schedule, 200 monitors are defined, a procedure is loaded that the
schedule starts each day, a reaction answers its end, a job is submitted, a setting is set and housekeeping is asked
for each minute, by telecommand, over the link with keys. In the middle of the mission the schedule puts the clock
forward and starts the flight software anew. Files go up and come down. In each further contact the ground asks whether
it is there. Otherwise the spacecraft is left to itself: it releases, watches, reacts, keeps housekeeping and events in
its packet stores, plays them back, and scrubs; and in the end the ground's archive has every packet up to the last
contact.

The passes are of five minutes, 20 minutes a day: the least that a low orbit gives. Time is that of the whole run: both
ends, the disks, the keys, the archive, the link and the evidence, on one core. The target is wall time on a core that
is idle; beside it stands the processor time of the same run, which other work on the machine stretches less. Memory is
what the spacecraft object leads to, without its simulated disk: the world around it keeps evidence of all that
happened. It is looked at on a few days, since a look costs time itself.

    python -m tools.bench.days
    python -m tools.bench.days --days 3

The second is for a look at the time between two changes: as many activities a day, no target.
"""

import gc
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from ccsds.pus.telecommand import Telecommand
from ccsds.time import tai_ns_from_unix
from flight.jobs.corpus import CorpusFile, Origin
from hil.disk.faulty_disk import FaultyDisk
from hil.scenario.link import LinkTable, PassTable
from hil.scenario.procedure import StepTable
from hil.scenario.scenario import Scenario
from hil.scenario.spacecraft import FileTable, SpacecraftTable, StationTable, WorkDurations
from hil.worker.trivial_hand import TrivialHand
from hil.worker.virtual_worker import VirtualWorker
from hil.world import ACQUIRED, World
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.dictionary import Setting
from mission.field_types import UInt
from mission.monitoring import CheckKind
from mission.schedule import Fate
from tools.bench.row import Row, plain

GROUP = "autonomy"
NS_PER_S = 1_000_000_000
DAY_S = 86_400

DAYS = 30
PASSES_A_DAY = 4
PASS_S = 300.0
ACTIVITIES = 10_000
ACTIVITIES_A_COMMAND = 16
MONITORS = 200
MONITORS_A_COMMAND = 12
MONITOR_INTERVAL_MS = 60_000
# The structure `core`, kept on board between contacts.
CORE = 1
HOUSEKEEPING_INTERVAL_MS = 60_000
# An idle frame at least so often: the longest that may be set.
KEEP_ALIVE_MS = 2_500
# All that the flight process may take is 150 MB, the interpreter and its libraries among it.
HELD_OCTETS_MAX = 64_000_000
# Put forward by the schedule: less than what is still on time.
CLOCK_FORWARD_NS = 2_000_000_000
# At the end of these the memory is looked at.
LOOK_DAYS = (2, 9, 16, 23, 29)
JOB_STEPS = 1_000
STEP_S = 5.0
FILES = 4
# Of the requests in the schedule that are not `test.connection`.
SOURCE_OF_MORE = 4_000
FILE_OCTETS = 20_000
# What comes up from the ground beside the set-up, and is sent back.
PROCEDURE = "send housekeeping.once structures=1,20\nwait 10s\nsend event.enable events=booted\n"
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
        self.told: Counter[str] = Counter()
        """Events on board."""
        self.files_down = 0
        self.job_end = ""
        self.held_octets: dict[int, int] = {}
        """By day of `LOOK_DAYS`, the memory that the spacecraft holds at its end."""
        self._look_days = list(LOOK_DAYS)
        self._commands = self._set_up(activities, monitors)
        self._files = [f"file-{number}" for number in range(FILES)]
        self.commands_open = len(self._commands)
        """Commands of the set-up that are not completed."""
        starts_s = [10 + DAY_S * index / PASSES_A_DAY for index in range(days * PASSES_A_DAY)]
        scenario = Scenario(
            name="days",
            duration_s=float(days * DAY_S),
            spacecraft=SpacecraftTable(corpora=[], tai_s=TAI_S, work=WorkDurations(step_s=STEP_S)),
            station=StationTable(files=[FileTable(name=name, octets=FILE_OCTETS) for name in self._files]),
            link=LinkTable(
                profile="sband", passes=[PassTable(at_s=start_s, duration_s=PASS_S) for start_s in starts_s]
            ),
            # A step that never ends: the mission goes on until its time is over.
            procedure=[StepTable(wait_for_file="never")],
        )
        self._is_setting_up = False
        corpus = CorpusFile(
            name="text", path=Path("text"), sha256="cd" * 32, length_octets=9, origin=Origin.PATH, notice=""
        )
        self.world = _World(scenario, 1, folder, {"text": corpus}, self._watch)

    def run(self) -> tuple[float, float]:
        """Let it happen, and give the wall time and the processor time it took."""
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        self.world.run()
        return time.perf_counter() - start_s, time.process_time() - start_cpu_s

    def faults(self) -> list[str]:
        """Say what did not come about, or not in the end that it should have."""
        fates = self.world.spacecraft.core._ledger.schedule.counts
        others = {fate: count for fate, count in fates.items() if fate not in (Fate.EXECUTED, Fate.SKIPPED_LATE)}
        found = [
            ("commands of the set-up that are open", self.commands_open, 0),
            ("answers to test.connection but executed", self.answers.total() - self.answers["executed"], 0),
            ("activities that came to their time and no end", self._due - sum(fates.values()), 0),
            ("activities with another fate than executed or told as skipped", sum(others.values()), 0),
            ("activities skipped, at the reset, beyond one", max(0, fates[Fate.SKIPPED_LATE] - 1), 0),
            ("procedures completed", self.told["procedure_ended"], self.days - 1),
            ("activities, steps and reactions that failed", self._failed(), 0),
            ("files that came down", self.files_down, FILES),
            ("resets by command", self.told["resetting"], 1),
            ("settings of the clock", self.told["clock_changed"], 1),
            ("state of the job", self.job_end, "DONE"),
        ]
        for name, store in self.world.station.core.snapshot()["stores"].items():
            newest = store["newest"] or 0
            gone = (store["gaps_count"], store["missing"], store["overwritten"])
            found.append((f"gaps, missing and overwritten of {name} in the archive", gone, (0, 0, 0)))
            is_late = newest < self.days * DAY_S // 60 // 2
            found.append(
                (f"a newest packet of {name} that is too old, {newest}", name == "housekeeping" and is_late, 0)
            )
        return [f"expected {wanted} {what}, found {value}" for what, value, wanted in found if value != wanted]

    def _failed(self) -> int:
        return sum(self.told[name] for name in ("activity_failed", "procedure_step_failed", "reaction_failed"))

    def _set_up(self, activities: int, monitors: int) -> list[tuple[str, Mapping[str, Any]]]:
        """Give the commands that tell the spacecraft what to do."""
        commands: list[tuple[str, Mapping[str, Any]]] = [
            ("parameter.set", {"values": {"keep_alive": KEEP_ALIVE_MS}}),
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
        self._due = activities + 3 + self.days - 1
        commands += self._set_up_more()
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
            case "spacecraft", "Announced":
                self.told[event["name"]] += 1
            case "hil", "ContactChanged" if event["text"] == ACQUIRED and not self.commands_open:
                # Somebody is there: a week without a word from the ground would lead to SAFE.
                self.world.station.command("test.connection", {}, self.world.now_ns)
                if self._files:
                    name = self._files.pop()
                    self.world.station.put_file(name, name, self.world.now_ns)
            case "station", "TransferFinished":
                self._go_on_with(event)
            case "station", "ReportReceived" if event["name"] == "job_report":
                self.job_end = event["values"]["state"]
            case "station", "CommandStaged" if event["stage"] == "COMPLETED" and self.commands_open:
                self.commands_open -= 1
                self._send()
        if self._look_days and event["time_ns"] >= self._look_days[0] * DAY_S * NS_PER_S:
            self.held_octets[self._look_days.pop(0)] = held_octets(self.world.spacecraft.core)

    def _set_up_more(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Give the commands that set up what is neither release nor watch."""
        middle_ns = (TAI_S + self.days * DAY_S // 2 + 30) * NS_PER_S
        arm = {"service": 132, "subtype": 1}
        due: list[tuple[int, str, Mapping[str, Any]]] = [
            (middle_ns, "time.adjust", {"offset": CLOCK_FORWARD_NS, "uncertainty": 0}),
            (middle_ns + 60 * NS_PER_S, "command.arm", arm),
            (middle_ns + 61 * NS_PER_S, "spacecraft.reset", {}),
        ]
        due += [
            ((TAI_S + day * DAY_S + 1_000) * NS_PER_S, "procedure.start", {"procedure": "daily"})
            for day in range(1, self.days)
        ]
        rows = [
            {"release_time": at_ns, "request": _request(name, arguments, number)}
            for number, (at_ns, name, arguments) in enumerate(due)
        ]
        answer = {
            "event": DICTIONARY.events["procedure_ended"].id,
            "about": 0,
            "request": _request("housekeeping.once", {"structures": [CORE]}, len(due)),
        }
        return [
            ("procedure.load_direct", {"procedure": "daily", "text": PROCEDURE}),
            ("reaction.add", {"reactions": [answer]}),
            ("reaction.enable", {"reactions": [{"event": answer["event"], "about": 0}]}),
            ("job.submit", {"job_id": 1, "recipe": "tiny", "corpus": "text", "steps": JOB_STEPS}),
            *(("schedule.insert", {"activities": rows[at : at + 8]}) for at in range(0, len(rows), 8)),
        ]

    def _go_on_with(self, event: Mapping[str, Any]) -> None:
        """Have a file that came up sent down again; count one that came down."""
        if event["direction"] == "UP":
            name = event["destination_name"]
            self.world.station.command("file.send", {"name": name, "destination": f"back-{name}"}, self.world.now_ns)
        else:
            self.files_down += 1

    def _send(self) -> None:
        if self._commands:
            self.world.station.command(*self._commands.pop(), self.world.now_ns)


class _World(World):
    """A world whose job work is trivial."""

    def _make_worker(self, disk: FaultyDisk) -> VirtualWorker:
        return VirtualWorker(TrivialHand(disk, JOB_STEPS), self._scenario.spacecraft.work)


def _request(name: str, arguments: Mapping[str, Any], number: int) -> bytes:
    """Give a telecommand for the schedule or a reaction."""
    command = DICTIONARY.command(name)
    data = command.arguments.encode(command.arguments.complete(arguments))
    return Telecommand(
        Apid.CORE, number, command.service, command.subtype, source_id=SOURCE_OF_MORE, data=data
    ).encode()


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


def run(days: int = DAYS) -> list[Row]:
    """Measure, and give the rows; of a mission that is not of `DAYS` no time to reach, and nothing of memory."""
    activities = ACTIVITIES * days // DAYS
    with tempfile.TemporaryDirectory() as folder:
        mission = Days(days, activities, MONITORS, Path(folder))
        wall_s, cpu_s = mission.run()
    what = f"{days} days, {PASSES_A_DAY} contacts of {PASS_S / 60:g} min a day, {activities} scheduled commands"
    faults = mission.faults()
    rows = [
        Row(
            group=GROUP,
            name=f"{what}, {MONITORS} monitors, housekeeping each minute, procedures, files, a job, a reset: wall time",
            value=round(wall_s, 1),
            unit="s",
            target="< 60 s" if days == DAYS else "",
            ok=wall_s < 60 or days != DAYS,
        ),
        Row(group=GROUP, name="the same: processor time", value=round(cpu_s, 1), unit="s"),
        Row(
            group=GROUP,
            name=f"of these, what went wrong or is missing in the archive{'; first: ' + faults[0] if faults else ''}",
            value=len(faults),
            unit="",
            target="= 0",
            ok=not faults,
        ),
    ]
    if days != DAYS:
        return rows
    first, last = mission.held_octets[LOOK_DAYS[0]], mission.held_octets[LOOK_DAYS[-1]]
    return [
        *rows,
        Row(
            group=GROUP,
            name=f"memory that the spacecraft holds at the end of day {LOOK_DAYS[-1]}",
            value=round(last / 1e6, 2),
            unit="MB",
            peer=f"the end of day {LOOK_DAYS[0]}",
            peer_value=round(first / 1e6, 2),
            ratio=round(last / first, 3),
            target=f"ratio <= 1.05, and <= {HELD_OCTETS_MAX / 1e6:g} MB",
            ok=last <= 1.05 * first and max(mission.held_octets.values()) <= HELD_OCTETS_MAX,
        ),
    ]


@click.command()
@click.option("--days", default=DAYS, show_default=True, type=click.IntRange(min=2), help="How long the mission is.")
def main(days: int) -> None:
    """Measure, and print the rows."""
    for row in run(days):
        print(plain(row), flush=True)


if __name__ == "__main__":
    main()

"""The whole of a bench: what a test holds in its hands, over whatever wiring it was told to use.

The same calls work in virtual time and in real time; what differs is `Bench.run` taking no time or some.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from hil.bench.course import Course
from hil.bench.flight import Flight
from hil.bench.ground import Ground
from hil.bench.link import Link
from hil.bench.passes import Passes
from hil.bench.setup import BenchSetup
from hil.bench.waiting import WAIT_S, NotSeenError
from hil.rig.rig import Rig
from hil.rig.wiring import Power
from hil.run.corpora import find_corpora
from hil.sky import contact_plan
from hil.world import World

NS_PER_S = 1_000_000_000

# Jobs that went silent are looked for this often.
LOOK_NS = 5 * NS_PER_S

# The last lines of what happened that a failure shows.
LINES_MAX = 40

_QUIET = frozenset({"FrameReceived", "ReportReceived", "HousekeepingReceived", "TransferProgressed", "CommandIssued"})


class Bench:
    """A spacecraft, a station and a link; a context manager.

    Args:
        setup: What it is made of.
        folder: For stores, captures, logs and files; it exists and is empty.
        power: The switch of a board, if there is one.
    """

    def __init__(self, setup: BenchSetup, folder: Path, power: Power | None = None) -> None:
        self.setup = setup
        self.folder = folder
        scenario = setup.scenario()
        corpora = find_corpora(scenario)
        self._lines: list[str] = []
        # The station's own commands, which nobody sent; a run has some hundreds.
        self._automatic: set[int] = set()
        self.course: Course = (
            Rig(scenario, setup.seed, folder, corpora, self._watch, setup.wiring, power)
            if setup.wiring.is_real_time
            else World(scenario, setup.seed, folder, corpora, self._watch)
        )
        store = None if setup.wiring.is_device else folder / "store"
        # A board remembers the jobs of earlier tests, and a number is one job for ever.
        first_job_id = int(time.time()) if setup.wiring.is_device else 1
        self.ground = Ground(self.course, self, first_job_id, has_past=setup.wiring.is_device)
        self.flight = Flight(self.course, store, power)
        self.link = Link(self.course, setup.wiring, setup.profile)
        outlook = scenario.outlook()
        plan = contact_plan(outlook, scenario.link.passes)
        self.passes = Passes(self.course, self, plan)
        self._has_ended = False

    @property
    def seed(self) -> int:
        """From which every random choice comes."""
        return self.setup.seed

    @property
    def is_virtual(self) -> bool:
        """Whether time is virtual, and hours cost nothing."""
        return not self.setup.wiring.is_real_time

    @property
    def now_s(self) -> float:
        """Seconds since it was switched on."""
        return self.course.now_ns / NS_PER_S

    def run(self, seconds: float) -> None:
        """Let time go on."""
        __tracebackhide__ = True
        self._go_on(seconds, lambda: False)

    def wait_until(
        self,
        condition: Callable[[], bool],
        *,
        timeout_s: float = WAIT_S,
        expected: str = "the condition to hold",
        found: Callable[[], str] = lambda: "it does not",
    ) -> None:
        """See `hil.bench.waiting.Clock.wait_until`."""
        __tracebackhide__ = True
        if not condition() and not self._go_on(timeout_s, condition):
            raise NotSeenError(f"expected {expected} within {timeout_s:g} s, found {found()}")

    def latest_lines(self) -> list[str]:
        """Give the last lines of what happened."""
        return list(self._lines)

    def end(self) -> None:
        """End the run, and hold it to what must always hold.

        Raises:
            NotSeenError: A command acted twice.
        """
        if self._has_ended:
            return
        self._has_ended = True
        evidence = self.course.finish()
        twice = [f"{source}-{count}" for (source, count), times in evidence.executed.items() if times > 1]
        if twice:
            raise NotSeenError(f"expected no command to act twice, found {', '.join(twice)}")

    def __enter__(self) -> Self:
        self.course.begin()
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.end()
        finally:
            self.course.close()

    def _go_on(self, seconds: float, is_enough: Callable[[], bool]) -> bool:
        """Let time go on for a while; tell whether it was enough before the while was over."""
        __tracebackhide__ = True
        end_ns = self.course.now_ns + round(seconds * NS_PER_S)
        while self.course.now_ns < end_ns:
            look_ns = end_ns
            if self.ground.has_jobs_at_work:
                look_ns = min(end_ns, self.course.now_ns + LOOK_NS)
                if self.passes.is_up:
                    self.ground.ask_after_jobs()
            self.course.go_on(look_ns, is_enough)
            if is_enough():
                return True
        return False

    def _watch(self, source: str, event: Mapping[str, Any]) -> None:
        if source == "station":
            self.ground.observe(event)
        if event.get("is_automatic"):
            self._automatic.add(event["command_id"])
        if event["type"] not in _QUIET and event.get("command_id") not in self._automatic:
            self._lines.append(f"{event['time_ns'] / NS_PER_S:10.3f} s  {source:12} {_told(source, event)}")
            del self._lines[:-LINES_MAX]


def _told(source: str, event: Mapping[str, Any]) -> str:
    """Tell an event in one line: a program behind a socket tells its own, a core in this process its parts."""
    if source == "station" and "line" in event:
        return event["line"]
    parts = (event["type"], event.get("name"), event.get("stage"), event.get("text") or event.get("reason"))
    return " ".join(str(part) for part in parts if part)

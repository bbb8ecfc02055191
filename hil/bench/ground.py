"""The operator's side of a bench: send a command and wait for its stages, follow jobs, events, parameters and files.

It knows only what comes down the link, as a person at the station would.
"""

import difflib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from hil.bench.command import Command
from hil.bench.course import Course
from hil.bench.job import Job
from hil.bench.waiting import WAIT_S, Clock, NotSeenError
from mission.channels import Downlink
from mission.definition import DICTIONARY

# Reports of a job may be lost on the link; it is asked after when nothing was heard of it for this long.
SILENCE_S = 20.0

# Between two looks at a parameter that has not the value yet.
LOOK_S = 2.0

# A report that the link took while its command completed is asked for again.
TRIES_MAX = 5

# A day of telemetry at one report a second is some 86,000; the oldest are forgotten beyond this.
EVENTS_MAX = 200_000


class Ground:
    """The station and its operator.

    Args:
        course: The run.
        clock: Lets time go on.
        first_job_id: Number of the first job that is submitted without one.
        has_past: Whether the spacecraft is one that lived before this test: what it kept of then is left aside.
    """

    def __init__(self, course: Course, clock: Clock, first_job_id: int, *, has_past: bool = False) -> None:
        self.events: list[dict[str, Any]] = []
        """What the station told, in plain form and in order; the older half of `EVENTS_MAX` is forgotten."""
        self.jobs: dict[int, Job] = {}
        """Jobs that were submitted or heard of, by number."""
        self.commands: dict[int, Command] = {}
        """Commands that were sent here, by the station's number."""
        self.housekeeping: dict[str, dict[str, Any]] = {}
        """The latest report of each housekeeping structure, by its name."""
        self._course = course
        self._clock = clock
        self._next_job_id = first_job_id
        # On-board time from which on telemetry counts; None until the first that is live tells it.
        self._begun_tai_ns = None if has_past else 0
        self._forgotten = 0
        # For each name, the number of the first event that no call has given or passed over.
        self._read: Counter[str] = Counter()
        self._transfer_ends: dict[str, dict[str, Any]] = {}
        self._down_ends: list[dict[str, Any]] = []

    def begin(self, name: str, /, **arguments: Any) -> Command:
        """Send a command, and go on at once.

        Raises:
            MisuseError: The dictionary has no such command, or it does not take these arguments.
        """
        command = Command(self._course.send(name, arguments), name, self._clock)
        self.commands[command.command_id] = command
        return command

    def send(self, name: str, /, *, timeout_s: float = WAIT_S, **arguments: Any) -> Command:
        """Send a command, and wait until it is COMPLETED.

        Raises:
            MisuseError: See `begin`.
            NotSeenError: It was refused, failed, was lost, or has not ended in time; with the way it went.
        """
        __tracebackhide__ = True
        return self.begin(name, **arguments).wait(timeout_s=timeout_s)

    def arm(self, name: str) -> Command:
        """Arm a hazardous command, which is to be sent next."""
        __tracebackhide__ = True
        declared = DICTIONARY.command(name)
        return self.send("command.arm", service=declared.service, subtype=declared.subtype)

    def submit(self, recipe: str, corpus: str, *, job_id: int | None = None, **arguments: Any) -> Job:
        """Submit a job, and wait until it is queued.

        Args:
            recipe: Name of a recipe on board.
            corpus: Name of a corpus on board.
            job_id: Its number; the next free one unless given.
            arguments: Others of ``job.submit``: ``seed``, ``steps``, ``overrides``.

        Raises:
            NotSeenError: It was refused; with the reason.
        """
        __tracebackhide__ = True
        if job_id is None:
            job_id = self._next_job_id
        self._next_job_id = max(self._next_job_id, job_id + 1)
        job = self.jobs.setdefault(job_id, Job(job_id, self._clock))
        self.send("job.submit", job_id=job_id, recipe=recipe, corpus=corpus, **arguments)
        return job

    def wait_for_event(self, name: str, /, *, timeout_s: float = WAIT_S, **values: Any) -> dict[str, Any]:
        """Wait for an event of the spacecraft, and give its values.

        Each is given once: what came before this call counts, unless a call before has given it.

        Args:
            name: As in the dictionary, such as ``worker_lost``.
            timeout_s: How long it may take.
            values: What it must say.

        Raises:
            NotSeenError: It does not come in time.
        """
        __tracebackhide__ = True
        _require_known("event", name, DICTIONARY.events)
        return self._wait_for("EventReported", name, values, timeout_s)

    def wait_for_report(self, name: str, /, *, timeout_s: float = WAIT_S, **values: Any) -> dict[str, Any]:
        """Wait for a report, as `wait_for_event` does for an event."""
        __tracebackhide__ = True
        _require_known("report", name, DICTIONARY.reports)
        return self._wait_for("ReportReceived", name, values, timeout_s)

    def parameter(self, name: str) -> Any:
        """Ask for the present value of a parameter."""
        __tracebackhide__ = True
        DICTIONARY.parameter_of(name)
        for _ in range(TRIES_MAX):
            asked = self._end
            self.send("parameter.report", parameters=[name])
            for event in self.events[max(asked - self._forgotten, 0) :]:
                if event["type"] == "ReportReceived" and event["name"] == "parameter_values" and _is_live(event):
                    return event["values"]["values"][name]
        raise NotSeenError(f"expected a report of parameter {name}, found none after {TRIES_MAX} commands")

    def wait_for_parameter(self, name: str, expected: Any | Callable[[Any], bool], *, timeout_s: float = WAIT_S) -> Any:
        """Ask for a parameter again and again, until it has a value; give it.

        Args:
            name: As in the dictionary.
            expected: The value, or a function that tells whether it is the one.
            timeout_s: How long it may take.

        Raises:
            NotSeenError: It has not in time; with the latest value.
        """
        __tracebackhide__ = True
        until_s = self._clock.now_s + timeout_s
        is_it = expected if callable(expected) else lambda value: value == expected
        while True:
            value = self.parameter(name)
            if is_it(value):
                return value
            if self._clock.now_s >= until_s:
                wanted = "another value" if callable(expected) else repr(expected)
                raise NotSeenError(f"expected parameter {name} to be {wanted} within {timeout_s:g} s, found {value!r}")
            look_s = self._clock.now_s + LOOK_S
            self._clock.wait_until(
                lambda until=look_s: self._clock.now_s >= until, timeout_s=2 * LOOK_S, expected="time", found=str
            )

    def put(self, local: str | Path, remote: str, *, timeout_s: float = WAIT_S) -> None:
        """Send a file up, and wait until it is there, whole and verified.

        Raises:
            NotSeenError: It was given up, or is not there in time.
        """
        __tracebackhide__ = True
        self._wait_for_transfer(self._course.put_file(Path(local), remote), timeout_s)

    def get(self, remote: str, *, timeout_s: float = WAIT_S) -> Path:
        """Have a file sent down, and give the path where it is, whole and verified.

        Raises:
            NotSeenError: It was refused or given up, or is not here in time.
        """
        __tracebackhide__ = True
        before = len(self._down_ends)
        self.send("file.send", name=remote)
        ends: list[dict[str, Any]] = []

        def has_come() -> bool:
            ends[:] = [event for event in self._down_ends[before:] if event["source_name"] == remote]
            return bool(ends)

        self._clock.wait_until(
            has_come, timeout_s=timeout_s, expected=f"the file {remote} to come down", found=self._transfers
        )
        if ends[0]["type"] == "TransferFailed":
            raise NotSeenError(f"expected the file {remote} to come down, found {ends[0]['text']}")
        return self._course.files / ends[0]["destination_name"]

    def observe(self, event: Mapping[str, Any]) -> None:
        """Take one event of the station, in plain form."""
        event = dict(event)
        if "tai_ns" in event:
            if self._begun_tai_ns is None and _is_live(event):
                self._begun_tai_ns = event["tai_ns"]
            if self._begun_tai_ns is None or event["tai_ns"] < self._begun_tai_ns:
                return
        if len(self.events) >= EVENTS_MAX:
            del self.events[: EVENTS_MAX // 2]
            self._forgotten += EVENTS_MAX // 2
        self.events.append(event)
        seconds = event["time_ns"] / 1e9
        match event:
            case {"type": "CommandStaged", "command_id": command_id}:
                if command_id in self.commands:
                    self.commands[command_id].observe(event, seconds)
            case {"type": "ReportReceived" | "EventReported", "name": name, "values": {"job_id": int(job_id)}}:
                job = self.jobs.setdefault(job_id, Job(job_id, self._clock))
                job.observe(event, seconds)
            case {"type": "HousekeepingReceived", "name": name, "values": values}:
                self.housekeeping[name] = dict(values)
            case {"type": "TransferFinished" | "TransferFailed", "transaction": transaction}:
                self._transfer_ends[transaction] = event
                if event["direction"] == "DOWN":
                    self._down_ends.append(event)

    @property
    def has_jobs_at_work(self) -> bool:
        """Whether the end of a job is still to be heard of."""
        return any(not job.has_ended for job in self.jobs.values())

    def ask_after_jobs(self) -> None:
        """Ask after jobs of which nothing was heard for long, since their reports may have been lost."""
        for job in self.jobs.values():
            if not job.has_ended and self._clock.now_s >= job.heard_s + SILENCE_S:
                job.heard_s = self._clock.now_s
                self.begin("job.report", job_id=job.job_id)

    @property
    def _end(self) -> int:
        """Number of the next event to come."""
        return self._forgotten + len(self.events)

    def _wait_for(self, kind: str, name: str, values: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        __tracebackhide__ = True
        found: list[dict[str, Any]] = []
        looked = [0]

        def has_come() -> bool:
            if found:
                return True
            for number in range(max(self._read[name], self._forgotten, looked[0]), self._end):
                event = self.events[number - self._forgotten]
                if event["type"] == kind and event["name"] == name and _says(event["values"], values):
                    self._read[name] = number + 1
                    found.append(event["values"])
                    return True
            looked[0] = self._end
            return False

        self._clock.wait_until(
            has_come, timeout_s=timeout_s, expected=f"{name}{_shown(values)}", found=lambda: self._heard(kind, name)
        )
        return found[0]

    def _wait_for_transfer(self, transaction: str, timeout_s: float) -> None:
        __tracebackhide__ = True
        self._clock.wait_until(
            lambda: transaction in self._transfer_ends,
            timeout_s=timeout_s,
            expected=f"transfer {transaction} to end",
            found=self._transfers,
        )
        end = self._transfer_ends[transaction]
        if end["type"] == "TransferFailed":
            raise NotSeenError(f"expected transfer {transaction} to arrive, found {end['text']}")

    def _heard(self, kind: str, name: str) -> str:
        same = [event["values"] for event in self.events if event["type"] == kind and event["name"] == name]
        if same:
            return f"{len(same)}, the latest with {same[-1]}"
        names = dict.fromkeys(event["name"] for event in self.events if event["type"] == kind)
        return f"none; heard {', '.join(names) or 'nothing'}"

    def _transfers(self) -> str:
        progress = [event for event in self.events if event["type"] == "TransferProgressed"]
        return f"{progress[-1]['done_octets']} octets of {progress[-1]['size_octets']}" if progress else "no octets"


def _require_known(kind: str, name: str, known: Mapping[str, Any]) -> None:
    """Refuse a name that will never come."""
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        raise MisuseError(f"unknown {kind} {name!r}: expected one of {', '.join(near or sorted(known))}")


def _is_live(event: Mapping[str, Any]) -> bool:
    """Tell whether it was said and sent at once, not played back from a store."""
    return event["virtual_channel"] == Downlink.LIVE


def _says(values: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(key in values and values[key] == value for key, value in wanted.items())


def _shown(values: Mapping[str, Any]) -> str:
    return f" with {', '.join(f'{key}={value!r}' for key, value in values.items())}" if values else ""

"""The tracker: how far every telecommand has come, and when its very same octets are sent again.

What moves a command is one table, ``(stage, trigger) -> (action, next stage)``; a missing key is a trigger that changes
nothing there. The tracker never sends anything itself: it hands out actions for the station to take. Its timers count
contact time only. COP-1's acknowledgement is shown as DELIVERED and believed no further; only ST[01] reports accept,
start and complete a command (ECSS-E-ST-70-41C 6.1).
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ccsds.pus.verification import VerificationReport, VerificationStage
from ground.events import FINAL, CommandStaged, Stage, one_line
from mission.failures import FailureCode

NS_PER_S = 1_000_000_000

# A pass holds a few commands a minute; who waits for more than this has a program that does not look at the answers.
COMMANDS_OPEN_MAX = 64

# Finished commands are remembered for the operator's look back; all of them are in the archive. Together with the open
# ones they must stay far below 16384, so that no two share a sequence count.
COMMANDS_FINISHED_MAX = 256

# A command that executes for hours is asked after at doubling intervals up to this one: often enough to notice within a
# pass of ten minutes that it ended, seldom enough to leave the uplink free.
POLL_NS_MAX = 60 * NS_PER_S


class Trigger(Enum):
    """What happens to a command."""

    TRANSMITTED = "transmitted"
    """The transmitter pulled its frame."""
    ACKNOWLEDGED = "acknowledged"
    """COP-1 acknowledged its frame."""
    UNDELIVERED = "undelivered"
    """COP-1 gave its frame up; tries are left."""
    SILENT = "silent"
    """No report in time; tries are left."""
    EXHAUSTED = "exhausted"
    """One of the two above, and it was the last try."""
    WITHDRAW = "withdraw"
    """The operator, or the station's edge, takes it back before it was released."""
    ACCEPTANCE = "acceptance report"
    ACCEPTANCE_FAILURE = "acceptance failure report"
    START = "start report"
    START_FAILURE = "start failure report"
    PROGRESS = "progress report"
    PROGRESS_FAILURE = "progress failure report"
    COMPLETION = "completion report"
    COMPLETION_FAILURE = "completion failure report"


class Action(Enum):
    """What is done about it."""

    RELEASE = "release"
    """COP-1 now answers for an AD frame, so no timer runs; a BD frame is watched by the timer."""
    WATCH = "watch"
    """Wait for the next report, for the response timeout."""
    RESEND = "resend"
    """Have the same octets sent again; no timer runs until they are released."""
    FINISH = "finish"
    """The command has ended."""


@dataclass(frozen=True, slots=True)
class Order:
    """Something the station has to do for the tracker."""

    action: Action
    """`Action.RESEND`: queue it again. `Action.FINISH` or `Action.WATCH`: drop what still waits in the queue."""
    command_id: int


_UNHEARD = (Stage.QUEUED, Stage.RELEASED, Stage.DELIVERED)
_HEARD = (Stage.ACCEPTED, Stage.STARTED, Stage.PROGRESSED)
_SUCCESSES = {
    Trigger.ACCEPTANCE: Stage.ACCEPTED,
    Trigger.START: Stage.STARTED,
    Trigger.PROGRESS: Stage.PROGRESSED,
}
_FAILURES = (Trigger.START_FAILURE, Trigger.PROGRESS_FAILURE, Trigger.COMPLETION_FAILURE)

TABLE: dict[tuple[Stage, Trigger], tuple[Action, Stage]] = {
    # The way up, while the spacecraft has not said anything about the command.
    (Stage.QUEUED, Trigger.TRANSMITTED): (Action.RELEASE, Stage.RELEASED),
    (Stage.QUEUED, Trigger.UNDELIVERED): (Action.RESEND, Stage.QUEUED),
    (Stage.QUEUED, Trigger.EXHAUSTED): (Action.FINISH, Stage.LOST),
    (Stage.QUEUED, Trigger.WITHDRAW): (Action.FINISH, Stage.LOST),
    (Stage.RELEASED, Trigger.TRANSMITTED): (Action.RELEASE, Stage.RELEASED),
    (Stage.RELEASED, Trigger.ACKNOWLEDGED): (Action.WATCH, Stage.DELIVERED),
    (Stage.RELEASED, Trigger.UNDELIVERED): (Action.RESEND, Stage.QUEUED),
    (Stage.RELEASED, Trigger.SILENT): (Action.RESEND, Stage.QUEUED),
    (Stage.RELEASED, Trigger.EXHAUSTED): (Action.FINISH, Stage.LOST),
    (Stage.DELIVERED, Trigger.SILENT): (Action.RESEND, Stage.QUEUED),
    (Stage.DELIVERED, Trigger.EXHAUSTED): (Action.FINISH, Stage.LOST),
    # Once it has: what is sent again only asks for the reports that are missing, and the stage never goes back.
    **{(stage, Trigger.TRANSMITTED): (Action.RELEASE, stage) for stage in _HEARD},
    **{(stage, Trigger.ACKNOWLEDGED): (Action.WATCH, stage) for stage in _HEARD},
    **{(stage, Trigger.UNDELIVERED): (Action.WATCH, stage) for stage in _HEARD},
    **{(stage, Trigger.SILENT): (Action.RESEND, stage) for stage in _HEARD},
    **{(stage, Trigger.EXHAUSTED): (Action.FINISH, Stage.LOST) for stage in _HEARD},
    # Reports move it on directly, whichever of those before were lost.
    **{
        (stage, trigger): (Action.WATCH, max(stage, reached))
        for stage in _UNHEARD + _HEARD
        for trigger, reached in _SUCCESSES.items()
    },
    **{(stage, Trigger.COMPLETION): (Action.FINISH, Stage.COMPLETED) for stage in _UNHEARD + _HEARD},
    **{(stage, Trigger.ACCEPTANCE_FAILURE): (Action.FINISH, Stage.REFUSED) for stage in _UNHEARD},
    # It was accepted once, so something was begun: the spacecraft has lost its memory of it since.
    **{(stage, Trigger.ACCEPTANCE_FAILURE): (Action.FINISH, Stage.FAILED) for stage in _HEARD},
    **{(stage, trigger): (Action.FINISH, Stage.FAILED) for stage in _UNHEARD + _HEARD for trigger in _FAILURES},
    # LOST says that no answer came; one that comes late still tells how the command ended.
    (Stage.LOST, Trigger.COMPLETION): (Action.FINISH, Stage.COMPLETED),
    (Stage.LOST, Trigger.ACCEPTANCE_FAILURE): (Action.FINISH, Stage.REFUSED),
    **{(Stage.LOST, trigger): (Action.FINISH, Stage.FAILED) for trigger in _FAILURES},
}
"""``(stage, trigger) -> (action, next stage)``."""

TRIGGER_OF = {
    VerificationStage.ACCEPTED: Trigger.ACCEPTANCE,
    VerificationStage.ACCEPTANCE_FAILED: Trigger.ACCEPTANCE_FAILURE,
    VerificationStage.STARTED: Trigger.START,
    VerificationStage.START_FAILED: Trigger.START_FAILURE,
    VerificationStage.PROGRESSED: Trigger.PROGRESS,
    VerificationStage.PROGRESS_FAILED: Trigger.PROGRESS_FAILURE,
    VerificationStage.COMPLETED: Trigger.COMPLETION,
    VerificationStage.COMPLETION_FAILED: Trigger.COMPLETION_FAILURE,
}
"""What each ST[01] report means to a command."""


@dataclass(frozen=True, kw_only=True)
class TrackerConfig:
    """How patient the tracker is."""

    response_timeout_ns: int
    """Contact time without a report after which a command is sent again."""
    tries_max: int
    """How often a command is sent without any report about it before it counts as lost."""

    def __post_init__(self) -> None:
        """Refuse what would never send or never wait.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        if self.response_timeout_ns <= 0:
            raise MisuseError(f"expected response_timeout_ns above 0, found {self.response_timeout_ns}")
        if self.tries_max < 1:
            raise MisuseError(f"expected tries_max of 1 or more, found {self.tries_max}")


@dataclass(slots=True)
class _Tracked:
    """One command. Exactly one of ``deadline_ns`` and ``remaining_ns`` is set while its timer runs or is frozen."""

    command_id: int
    name: str
    sequence_count: int
    service: Service
    stage: Stage
    attempt: int = 1
    unanswered: int = 0
    """Tries since the last report about it."""
    wait_ns: int = 0
    deadline_ns: int | None = None
    remaining_ns: int | None = None
    step: int | None = None
    text: str = ""
    time_ns: int = 0


class Tracker:
    """Every command of one station.

    Args:
        config: How patient it is.
    """

    def __init__(self, config: TrackerConfig) -> None:
        self._config = config
        self._open: dict[int, _Tracked] = {}
        self._finished: OrderedDict[int, _Tracked] = OrderedDict()
        self._by_request: dict[tuple[int, int], _Tracked] = {}
        self._request_of: dict[int, tuple[int, int]] = {}
        self._events: list[CommandStaged] = []
        self._orders: list[Order] = []
        self._in_contact = False

    def is_full(self) -> bool:
        """Tell whether `COMMANDS_OPEN_MAX` commands are on their way."""
        return len(self._open) >= COMMANDS_OPEN_MAX

    def add(self, *, command_id: int, name: str, apid: int, sequence_count: int, service: Service, now_ns: int) -> None:
        """Begin to follow a command, which the station has queued.

        Raises:
            MisuseError: `COMMANDS_OPEN_MAX` commands are on their way, or the number is taken.
        """
        if self.is_full():
            raise MisuseError(f"expected fewer than {COMMANDS_OPEN_MAX} commands on their way, found {len(self._open)}")
        if command_id in self._request_of:
            raise MisuseError(f"expected a new command number, found {command_id} again")
        tracked = _Tracked(command_id, name, sequence_count, service, Stage.QUEUED)
        tracked.wait_ns = self._config.response_timeout_ns
        self._open[command_id] = tracked
        self._by_request[apid, sequence_count] = tracked
        self._request_of[command_id] = (apid, sequence_count)
        self._tell(tracked, now_ns)

    def transmitted(self, command_id: int, now_ns: int) -> None:
        """Note that the transmitter pulled a frame of the command."""
        self._trigger(self._open.get(command_id), Trigger.TRANSMITTED, "", now_ns)

    def acknowledged(self, command_id: int, now_ns: int) -> None:
        """Note that COP-1 acknowledged the command's frame."""
        self._trigger(self._open.get(command_id), Trigger.ACKNOWLEDGED, "", now_ns)

    def undelivered(self, command_id: int, reason: str, now_ns: int) -> None:
        """Note that COP-1 gave the command's frame up."""
        tracked = self._open.get(command_id)
        if tracked is not None:
            self._fail_try(tracked, Trigger.UNDELIVERED, f"not delivered: {reason}", now_ns)

    def withdraw(self, command_id: int, reason: str, now_ns: int) -> bool:
        """Take back a command that was never released; False if it is too late for that."""
        tracked = self._open.get(command_id)
        if tracked is None or tracked.attempt > 1 or (tracked.stage, Trigger.WITHDRAW) not in TABLE:
            return False
        self._trigger(tracked, Trigger.WITHDRAW, reason, now_ns)
        return True

    def verify(self, report: VerificationReport, now_ns: int) -> bool:
        """Take in an ST[01] report; False if it is about no command that is remembered."""
        tracked = self._by_request.get((report.request_id.apid, report.request_id.sequence_count))
        if tracked is None:
            return False
        tracked.unanswered = 0
        has_new_step = report.step is not None and report.step != tracked.step
        tracked.step = report.step if has_new_step else tracked.step
        before = tracked.stage
        self._trigger(tracked, TRIGGER_OF[report.stage], describe(report), now_ns)
        if tracked.stage is before is Stage.PROGRESSED and has_new_step:
            tracked.wait_ns = self._config.response_timeout_ns
            tracked.text = describe(report)
            self._tell(tracked, now_ns)
        return True

    def contact(self, up: bool, now_ns: int) -> None:
        """Freeze all timers, or let them go on."""
        self.advance(now_ns)
        if up == self._in_contact:
            return
        self._in_contact = up
        for tracked in self._open.values():
            if up and tracked.remaining_ns is not None:
                tracked.deadline_ns, tracked.remaining_ns = now_ns + tracked.remaining_ns, None
            elif not up and tracked.deadline_ns is not None:
                tracked.deadline_ns, tracked.remaining_ns = None, tracked.deadline_ns - now_ns

    def advance(self, now_ns: int) -> None:
        """Send again, or give up, what was not answered in time."""
        for tracked in list(self._open.values()):
            if tracked.deadline_ns is not None and tracked.deadline_ns <= now_ns:
                waited_s = tracked.wait_ns / NS_PER_S
                self._fail_try(tracked, Trigger.SILENT, f"no report for {waited_s:.3g} s", now_ns)

    def next_deadline(self) -> int | None:
        """Give when the next answer is overdue."""
        return min((each.deadline_ns for each in self._open.values() if each.deadline_ns is not None), default=None)

    def take_events(self) -> list[CommandStaged]:
        """Give what happened since the last call."""
        events, self._events = self._events, []
        return events

    def take_orders(self) -> list[Order]:
        """Give what the station has to do since the last call."""
        orders, self._orders = self._orders, []
        return orders

    def snapshot(self) -> list[dict[str, Any]]:
        """Give every remembered command, oldest first, in plain values, and how long the next report is waited for."""
        tracked = sorted([*self._finished.values(), *self._open.values()], key=lambda each: each.command_id)
        return [
            {
                "command_id": each.command_id,
                "name": each.name,
                "sequence_count": each.sequence_count,
                "stage": each.stage.name,
                "attempt": each.attempt,
                "text": each.text,
                "time_ns": each.time_ns,
                "deadline_ns": each.deadline_ns,
                "remaining_ns": each.remaining_ns,
                "tries_left": max(self._config.tries_max - each.unanswered, 0),
            }
            for each in tracked
        ]

    def _fail_try(self, tracked: _Tracked, trigger: Trigger, reason: str, now_ns: int) -> None:
        if TABLE.get((tracked.stage, trigger), (Action.WATCH, tracked.stage))[0] is Action.RESEND:
            tracked.unanswered += 1
        if tracked.unanswered >= self._config.tries_max:
            self._trigger(tracked, Trigger.EXHAUSTED, f"{reason}, after {tracked.attempt} tries", now_ns)
        else:
            self._trigger(tracked, trigger, f"{reason}; the same octets again", now_ns)

    def _trigger(self, tracked: _Tracked | None, trigger: Trigger, text: str, now_ns: int) -> None:
        if tracked is None or (tracked.stage, trigger) not in TABLE:
            return
        before = tracked.stage
        action, tracked.stage = TABLE[before, trigger]
        moved = tracked.stage is not before
        match action:
            case Action.RELEASE:
                self._set_timer(tracked, None if tracked.service is Service.AD else tracked.wait_ns, now_ns)
            case Action.WATCH:
                tracked.wait_ns = self._config.response_timeout_ns if moved else tracked.wait_ns
                self._set_timer(tracked, tracked.wait_ns, now_ns)
                if trigger in _SUCCESSES:
                    self._orders.append(Order(Action.WATCH, tracked.command_id))
            case Action.RESEND:
                tracked.attempt += 1
                if before in _HEARD:
                    # It is at work, or its next report was lost: ask again, but less and less often.
                    tracked.wait_ns = min(2 * tracked.wait_ns, max(POLL_NS_MAX, self._config.response_timeout_ns))
                self._set_timer(tracked, None, now_ns)
                self._orders.append(Order(Action.RESEND, tracked.command_id))
            case Action.FINISH:
                self._set_timer(tracked, None, now_ns)
                self._finish(tracked)
        if moved or action is Action.RESEND:
            tracked.text = text
            self._tell(tracked, now_ns)

    def _set_timer(self, tracked: _Tracked, wait_ns: int | None, now_ns: int) -> None:
        running = wait_ns is not None and self._in_contact
        tracked.deadline_ns = now_ns + wait_ns if wait_ns is not None and running else None
        tracked.remaining_ns = None if running else wait_ns

    def _finish(self, tracked: _Tracked) -> None:
        self._orders.append(Order(Action.FINISH, tracked.command_id))
        self._open.pop(tracked.command_id, None)
        self._finished[tracked.command_id] = tracked
        while len(self._finished) > COMMANDS_FINISHED_MAX:
            forgotten_id, forgotten = self._finished.popitem(last=False)
            request = self._request_of.pop(forgotten_id)
            if self._by_request.get(request) is forgotten:
                del self._by_request[request]

    def _tell(self, tracked: _Tracked, now_ns: int) -> None:
        tracked.time_ns = now_ns
        self._events.append(
            CommandStaged(
                time_ns=now_ns,
                command_id=tracked.command_id,
                name=tracked.name,
                sequence_count=tracked.sequence_count,
                stage=tracked.stage,
                attempt=tracked.attempt,
                text=tracked.text,
            )
        )


def describe(report: VerificationReport) -> str:
    """Say what a report adds to its stage: the step, the failure's code and its text."""
    parts = [] if report.step is None else [f"step {report.step}"]
    if report.failure_code is not None:
        known = report.failure_code in FailureCode.__members__.values()
        parts.append(FailureCode(report.failure_code).name if known else f"failure code {report.failure_code}")
    if report.failure_text:
        parts.append(one_line(report.failure_text))
    return ", ".join(parts)


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", "    [*] --> QUEUED: send"]
    lines += [
        f"    {stage.name} --> {after.name}: {trigger.value} / {action.value}"
        for (stage, trigger), (action, after) in TABLE.items()
    ]
    return "\n".join([*lines, *(f"    {stage.name} --> [*]" for stage in sorted(FINAL))])

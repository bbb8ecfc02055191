"""What the ground does in a scenario, step by step: a sans-IO core fed with the station's events.

It sends a command, waits until the tracker knows how it ended, and goes on; or it sends a file, or waits for a job to
end, for a reply, for a file to arrive, for a time to pass, or for contact or the orbit to bring something. It breaks
off at the first command that does not complete in its attempts. It sees only what a person at the station would see, so
it is the same in virtual and in real time. A step that may fail holds up nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ground.schedule_request import scheduled
from hil.almanac import Almanac
from hil.latest_word import ENDED, LatestWord
from hil.link.contact_plan import ContactPlan
from hil.scenario.procedure import StepTable
from mission.definition import DICTIONARY
from mission.jobs import JobState

NS_PER_S = 1_000_000_000

_ENDED = {"COMPLETED", "REFUSED", "FAILED", "LOST"}

# Reports of a job may be lost on the link; the job is asked after when nothing was heard of it for this long.
SILENCE_NS = 20 * NS_PER_S


class Procedure:
    """The steps of a scenario.

    Args:
        steps: What to do.
        send: Sends a command, by name and arguments, and gives the station's number for it.
        before: Called with the name of a step just before it begins.
        put: Begins to send a file, by its names here and there, and gives the name of its transfer; None where no
            files can be sent.
        almanac: What comes when, for steps that hang on that.
    """

    def __init__(
        self,
        steps: Sequence[StepTable],
        send: Callable[[str, Mapping[str, Any]], int],
        before: Callable[[str], None],
        put: Callable[[str, str], str] | None = None,
        almanac: Almanac | None = None,
    ) -> None:
        self._steps = list(steps)
        self._send = send
        self._before = before
        self._put = put
        self._almanac = almanac if almanac is not None else Almanac(ContactPlan())
        self._position = -1
        # Its own: how a command ends that the station gave by itself is no matter of a procedure.
        self._given: dict[int, bool] = {}
        """Whether each of its commands that has not ended may fail."""
        self._resumed: dict[int, int] = {}
        """The job that each of its commands to resume one is about."""
        self._awaited_command: int | None = None
        # How often the command of the step at hand can still be given.
        self._attempts_left = 0
        self._is_due_again = False
        self._jobs = LatestWord()
        # By conversation, the latest turn that was given, and the latest whose reply has ended.
        self._prompted: dict[int, int] = {}
        self._replied: dict[int, int] = {}
        self._files_arrived: set[str] = set()
        self._files_failed: set[str] = set()
        self._heard_ns = 0
        # When the step of the present ends, if it is one that only waits.
        self._until_ns: int | None = None
        self._has_contact = True
        self.failures: list[str] = []
        """Commands that did not complete and files that did not arrive, one line each."""

    @property
    def is_done(self) -> bool:
        """Whether every step has ended."""
        return self._position >= len(self._steps)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be done: every step has ended, or a command has failed."""
        return self._position >= len(self._steps) or bool(self.failures)

    @property
    def present(self) -> str:
        """The name of the step at hand, empty before the first and after the last."""
        return self._steps[self._position].name if 0 <= self._position < len(self._steps) else ""

    def advance(self, now_ns: int) -> None:
        """Begin the next step if the present one has ended, or have another attempt at it."""
        if self._is_due_again:
            self._is_due_again = False
            self._attempt(self._steps[self._position], now_ns)
        while not self.is_over and self._has_ended(now_ns):
            self._position += 1
            self._heard_ns = now_ns
            if not self.is_done:
                self._begin(self._steps[self._position], now_ns)
        if not self.is_over and self._has_contact and self._awaits_job() and now_ns >= self._asking_ns():
            self._heard_ns = now_ns
            self._give("job.report", {"job_id": self._steps[self._position].wait_for_job}, may_fail=True)

    def next_deadline(self) -> int | None:
        """Give the time at which `advance` has something to do without an event."""
        if self._position < 0:
            return 0
        if self.is_over:
            return None
        if self._until_ns is not None:
            return self._until_ns
        return self._asking_ns() if self._has_contact and self._awaits_job() else None

    def contact(self, up: bool, now_ns: int) -> None:
        """Take note that the spacecraft can be heard, or cannot: then nobody waits to hear from it."""
        self._has_contact = up
        self._heard_ns = now_ns

    def observe(self, event: Mapping[str, Any], now_ns: int) -> None:
        """Take one event of the station, in its plain form."""
        self._jobs.note_live(event)
        match event:
            case {"type": "CommandStaged", "command_id": command_id, "stage": stage} if (
                stage in _ENDED and command_id in self._given
            ):
                may_fail = self._given.pop(command_id)
                job_id = self._resumed.pop(command_id, None)
                # One that was lost may have been executed.
                if job_id is not None and stage in ("COMPLETED", "LOST") and self._jobs.state(job_id) != "DONE":
                    self._jobs.forget(job_id)
                if command_id == self._awaited_command:
                    self._awaited_command = None
                    if stage != "COMPLETED" and self._attempts_left:
                        self._is_due_again = True
                        return
                if stage != "COMPLETED" and not may_fail:
                    self.failures.append(f"{event['name']} {stage}: {event['text']}")
            case {"type": "TransferFinished", "destination_name": name}:
                self._files_arrived.add(name)
            case {"type": "TransferFailed", "destination_name": name, "text": text}:
                self._files_failed.add(name)
                if not self._may_fail(name):
                    self.failures.append(f"transfer of {name or 'a file'} failed: {text}")
            case {"type": "ReportReceived", "name": "reply_end", "values": values}:
                number = values["conversation"]
                self._replied[number] = max(values["turn"], self._replied.get(number, 0))
            case {"type": "ReportReceived", "name": "job_report", "values": values}:
                self._hear(values["job_id"], values["state"], event, now_ns)
            case {"type": "ReportReceived", "name": "job_progress", "values": values}:
                if self._jobs.state(values["job_id"]) not in ENDED:
                    self._hear(values["job_id"], JobState.RUNNING.name, event, now_ns)

    def _hear(self, job_id: int, state: str, event: Mapping[str, Any], now_ns: int) -> None:
        self._jobs.hear(job_id, state, event)
        self._heard_ns = now_ns

    def _has_ended(self, now_ns: int) -> bool:
        if self._position < 0:
            return True
        if self._until_ns is not None:
            return now_ns >= self._until_ns
        step = self._steps[self._position]
        if step.wait_for_job is not None:
            return self._jobs.state(step.wait_for_job) in ENDED
        if step.wait_for_reply is not None:
            wanted = self._prompted.get(step.wait_for_reply, 0)
            return self._replied.get(step.wait_for_reply, 0) >= wanted
        if step.wait_for_file is not None:
            has_failed = step.may_fail and step.wait_for_file in self._files_failed
            return has_failed or step.wait_for_file in self._files_arrived
        return self._awaited_command is None

    def _awaits_job(self) -> bool:
        return self._steps[self._position].wait_for_job is not None

    def _asking_ns(self) -> int:
        return self._heard_ns + SILENCE_NS

    def _begin(self, step: StepTable, now_ns: int) -> None:
        self._before(step.name)
        self._until_ns = None if step.wait_s is None else now_ns + round(step.wait_s * NS_PER_S)
        if step.wait_until_s is not None:
            self._until_ns = max(round(step.wait_until_s * NS_PER_S), now_ns)
        if step.wait_for_instant is not None:
            self._until_ns = self._almanac.next_ns(step.wait_for_instant, now_ns)
            if self._until_ns is None:
                self.failures.append(f"{step.name}: it comes no more in this mission")
        if step.put_file is not None and self._put is not None:
            self._put(step.put_file, step.put_file)
        if step.is_command:
            self._attempts_left = step.attempts
            self._attempt(step, now_ns)

    def _attempt(self, step: StepTable, now_ns: int) -> None:
        self._attempts_left -= 1
        self._awaited_command = None
        command, arguments = self._said(step, now_ns)
        if step.send_orbit_events is not None and not arguments["events"]:
            if not step.may_fail:
                ahead_s = step.send_orbit_events.ahead_s
                self.failures.append(f"{step.name}: none of its events comes in the {ahead_s:g} s ahead")
            return
        command_id = self._give(command, arguments, step.may_fail)
        self._awaited_command = command_id if step.waits else None

    def _said(self, step: StepTable, now_ns: int) -> tuple[str, Mapping[str, Any]]:
        """Give the command of a step, and its arguments."""
        table = step.send_orbit_events
        if table is not None:
            rows = self._almanac.events(table.events, now_ns, round(table.ahead_s * NS_PER_S))
            return "schedule.set_orbit_events", {"events": rows}
        assert step.command is not None
        if step.release is None:
            return step.command, step.arguments
        command = DICTIONARY.command(step.command)
        arguments = command.arguments.complete(step.arguments)
        return "schedule.insert_relative", scheduled(command, arguments, self._almanac.on_board(step.release))

    def _give(self, command: str, arguments: Mapping[str, Any], may_fail: bool) -> int:
        if command == "chat.prompt":
            self._prompted[arguments["conversation"]] = arguments["turn"]
        command_id = self._send(command, arguments)
        self._given[command_id] = may_fail
        if command == "job.resume":
            self._resumed[command_id] = arguments["job_id"]
        return command_id

    def _may_fail(self, name: str) -> bool:
        """Tell whether a file need not arrive; one of which not even the name came is nobody's."""
        return not name or any(step.may_fail and name in (step.put_file, step.wait_for_file) for step in self._steps)

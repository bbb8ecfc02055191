"""The ground's procedure: what is given, what is waited for, and what is given again."""

import msgspec
import pytest

from ccsds.errors import MisuseError
from hil.almanac import Almanac
from hil.link.contact_plan import ContactPlan, Pass
from hil.run.procedure import NS_PER_S, Procedure
from hil.scenario.procedure import OrbitEventsTable, StepTable, check_procedure


class Desk:
    """A station that notes what it is told to send, and is told how that ended."""

    def __init__(self, *steps, almanac=None):
        self.sent = []
        self.procedure = Procedure(steps, self.send, lambda step: None, almanac=almanac)
        self.procedure.advance(0)

    def send(self, name, arguments):
        self.sent.append((name, dict(arguments)))
        return len(self.sent)

    def end(self, stage, command_id=None, now_ns=0):
        """Let a command end, the last if none is said, and go on."""
        number = command_id or len(self.sent)
        event = {"type": "CommandStaged", "command_id": number, "stage": stage, "name": self.sent[number - 1][0]}
        self.procedure.observe({**event, "text": "OUTCOME_UNKNOWN"}, now_ns)
        self.procedure.advance(now_ns)


SEND = StepTable(command="file.send", arguments={"name": "a.bin"}, attempts=3)
NEXT = StepTable(command="test.connection")


def test_a_command_that_does_not_complete_is_given_again_as_often_as_is_said():
    desk = Desk(SEND, NEXT)
    desk.end("FAILED")
    assert [name for name, _ in desk.sent] == ["file.send", "file.send"]
    assert desk.sent[0] == desk.sent[1]
    desk.end("COMPLETED")
    assert [name for name, _ in desk.sent] == ["file.send", "file.send", "test.connection"]
    assert not desk.procedure.failures


def test_the_last_attempt_is_the_one_that_counts():
    desk = Desk(SEND, NEXT)
    for stage in ("FAILED", "LOST", "FAILED"):
        desk.end(stage)
    assert len(desk.sent) == 3
    assert desk.procedure.failures == ["file.send FAILED: OUTCOME_UNKNOWN"]
    assert desk.procedure.is_over and not desk.procedure.is_done


def test_a_command_without_attempts_breaks_off_at_once():
    desk = Desk(NEXT, SEND)
    desk.end("FAILED")
    assert [name for name, _ in desk.sent] == ["test.connection"]
    assert desk.procedure.is_over


def test_whoever_begins_anew_with_another_step_has_all_attempts_again():
    desk = Desk(SEND, SEND)
    desk.end("FAILED")
    desk.end("COMPLETED")
    for _ in range(2):
        desk.end("FAILED")
    assert not desk.procedure.failures
    desk.end("COMPLETED")
    assert desk.procedure.is_done


@pytest.mark.parametrize(
    "step",
    [
        StepTable(wait_s=1, attempts=2),
        StepTable(command="test.connection", waits=False, attempts=2),
        StepTable(put_file="a.bin", attempts=2),
    ],
)
def test_only_a_command_that_is_waited_for_has_attempts(step):
    with pytest.raises(MisuseError, match="attempts: expected it beside a command that is waited for"):
        check_procedure([step], 3_600.0)


def job_report(state, tai_ns, *, is_stored=False):
    stored = {"store": 1, "sequence": tai_ns} if is_stored else None
    values = {"job_id": 7, "state": state}
    return {"type": "ReportReceived", "name": "job_report", "values": values, "tai_ns": tai_ns, "stored": stored}


RESUME = StepTable(command="job.resume", arguments={"job_id": 7}, may_fail=True)
WAIT = StepTable(wait_for_job=7)


def test_a_job_that_is_done_stays_so_whatever_is_played_back_after_it():
    desk = Desk(StepTable(wait_s=1), WAIT)
    for report in (job_report("RUNNING", 1), job_report("DONE", 2), job_report("STARTING", 0, is_stored=True)):
        desk.procedure.observe(report, 0)
    desk.procedure.advance(NS_PER_S)
    assert desk.procedure.is_done


def test_a_job_that_failed_and_was_resumed_is_waited_for():
    desk = Desk(StepTable(wait_s=1), WAIT)
    for report in (job_report("FAILED", 1), job_report("RUNNING", 2)):
        desk.procedure.observe(report, 0)
    desk.procedure.advance(NS_PER_S)
    assert not desk.procedure.is_done


@pytest.mark.parametrize("stage", ["COMPLETED", "LOST"])
@pytest.mark.parametrize(("known", "is_done"), [("FAILED", False), ("CANCELLED", False), ("DONE", True)])
def test_a_job_that_was_resumed_is_waited_for_whatever_was_heard_of_it_before(known, is_done, stage):
    desk = Desk(RESUME, WAIT)
    desk.procedure.observe(job_report(known, 1), 0)
    desk.end(stage)
    assert desk.procedure.is_done == is_done


def test_a_resume_that_was_refused_changes_nothing():
    desk = Desk(RESUME, WAIT)
    desk.procedure.observe(job_report("FAILED", 1), 0)
    desk.end("REFUSED")
    assert desk.procedure.is_done


def test_a_resume_that_was_lost_counts_though_it_is_given_again():
    desk = Desk(msgspec.structs.replace(RESUME, attempts=2), WAIT)
    desk.procedure.observe(job_report("FAILED", 1), 0)
    desk.end("LOST")
    desk.end("REFUSED")
    assert not desk.procedure.is_done


@pytest.mark.parametrize("heard", [[], [job_report("RUNNING", 30)]])
def test_a_failure_from_before_a_resume_that_is_played_back_after_it_ends_nothing(heard):
    desk = Desk(RESUME, WAIT)
    desk.procedure.observe(job_report("FAILED", 10), 0)
    accepted = {"type": "ReportReceived", "name": "accepted", "values": {}, "tai_ns": 20, "stored": None}
    desk.procedure.observe(accepted, 0)
    desk.end("COMPLETED")
    for event in (*heard, job_report("FAILED", 10, is_stored=True), job_report("FAILED", 15, is_stored=True)):
        desk.procedure.observe(event, 0)
    desk.procedure.advance(0)
    assert not desk.procedure.is_done
    desk.procedure.observe(job_report("DONE", 40, is_stored=True), 0)
    desk.procedure.advance(0)
    assert desk.procedure.is_done


PLAN = ContactPlan([Pass(5 * NS_PER_S, 9 * NS_PER_S)])
TELL = StepTable(send_orbit_events=OrbitEventsTable(events=["aos"], ahead_s=6))


@pytest.mark.parametrize(("may_fail", "sent", "failures"), [(True, ["test.connection"], 0), (False, [], 1)])
def test_orbit_events_of_which_none_is_ahead_are_a_failure_and_no_command(may_fail, sent, failures):
    table = OrbitEventsTable(events=["aos"], ahead_s=1)
    desk = Desk(StepTable(send_orbit_events=table, may_fail=may_fail), NEXT, almanac=Almanac(PLAN))
    assert [name for name, _ in desk.sent] == sent
    assert desk.procedure.failures == ["send_orbit_events: none of its events comes in the 1 s ahead"][:failures]


@pytest.mark.parametrize(("may_fail", "sent"), [(True, 2), (False, 1)])
def test_orbit_events_that_are_past_when_they_are_given_again_are_a_failure(may_fail, sent):
    desk = Desk(msgspec.structs.replace(TELL, attempts=2, may_fail=may_fail), NEXT, almanac=Almanac(PLAN))
    desk.end("LOST", now_ns=6 * NS_PER_S)
    assert len(desk.sent) == sent
    assert bool(desk.procedure.failures) is not may_fail

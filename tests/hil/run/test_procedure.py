"""The ground's procedure: what is given, what is waited for, and what is given again."""

import pytest

from ccsds.errors import MisuseError
from hil.run.procedure import NS_PER_S, Procedure
from hil.scenario.procedure import StepTable, check_procedure


class Desk:
    """A station that notes what it is told to send, and is told how that ended."""

    def __init__(self, *steps):
        self.sent = []
        self.procedure = Procedure(steps, self.send, lambda step: None)
        self.procedure.advance(0)

    def send(self, name, arguments):
        self.sent.append((name, dict(arguments)))
        return len(self.sent)

    def end(self, stage, command_id=None):
        """Let a command end, the last if none is said, and go on."""
        number = command_id or len(self.sent)
        event = {"type": "CommandStaged", "command_id": number, "stage": stage, "name": self.sent[number - 1][0]}
        self.procedure.observe({**event, "text": "OUTCOME_UNKNOWN"}, 0)
        self.procedure.advance(0)


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


def test_a_job_that_is_done_stays_so_whatever_is_played_back_after_it():
    desk = Desk(StepTable(wait_s=1), StepTable(wait_for_job=7))
    for state in ("RUNNING", "DONE", "STARTING"):
        report = {"type": "ReportReceived", "name": "job_report", "values": {"job_id": 7, "state": state}}
        desk.procedure.observe(report, 0)
    desk.procedure.advance(NS_PER_S)
    assert desk.procedure.is_done


def test_a_job_that_failed_and_was_resumed_is_waited_for():
    desk = Desk(StepTable(wait_s=1), StepTable(wait_for_job=7))
    for state in ("FAILED", "RUNNING"):
        report = {"type": "ReportReceived", "name": "job_report", "values": {"job_id": 7, "state": state}}
        desk.procedure.observe(report, 0)
    desk.procedure.advance(NS_PER_S)
    assert not desk.procedure.is_done


@pytest.mark.parametrize(("known", "is_done"), [("FAILED", False), ("CANCELLED", False), ("DONE", True)])
def test_a_job_that_was_resumed_is_waited_for_whatever_was_heard_of_it_before(known, is_done):
    desk = Desk(StepTable(command="job.resume", arguments={"job_id": 7}), StepTable(wait_for_job=7))
    report = {"type": "ReportReceived", "name": "job_report", "values": {"job_id": 7, "state": known}}
    desk.procedure.observe(report, 0)
    desk.end("COMPLETED")
    assert desk.procedure.is_done == is_done

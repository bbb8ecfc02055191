"""The mode of the spacecraft: what leads where, what it does to jobs, that it outlasts reboots and a full store."""

import errno

import pytest

from flight.disk import RealDisk
from flight.survival.mode import ENTER, TABLE, Trigger, diagram, follow
from hil.tabletop.operator import Operator
from mission.failures import FailureCode
from mission.modes import Mode


@pytest.fixture
def operator(tmp_path):
    return Operator(RealDisk(tmp_path))


class FullDisk(RealDisk):
    is_full = False

    def append(self, path, data):
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(path, data)


def submit(operator, job_id=1):
    return operator.command("job.submit", job_id=job_id, recipe="tiny", corpus="text")


def test_nothing_but_a_command_leads_out_of_safe():
    leaving = {trigger for trigger in Trigger if follow(Mode.SAFE, trigger) is not Mode.SAFE}
    assert leaving == {ENTER[Mode.NOMINAL], ENTER[Mode.COMPUTE]}


def test_every_fault_leads_to_safe_from_everywhere():
    for mode in Mode:
        assert {follow(mode, trigger) for trigger in (Trigger.SILENCE, Trigger.RESETS)} == {Mode.SAFE}


def test_the_drawing_has_every_transition():
    assert diagram().count("-->") == len(TABLE) + 1


def test_it_starts_in_nominal_and_a_job_that_is_submitted_brings_it_to_compute_and_runs(operator):
    assert operator.mode is Mode.NOMINAL
    assert submit(operator) is None
    assert operator.mode is Mode.COMPUTE
    assert operator.worker.is_alive
    assert operator.heard("mode_changed") == [{"before": Mode.NOMINAL, "after": Mode.COMPUTE, "cause": 3}]


@pytest.mark.parametrize("mode", [Mode.NOMINAL, Mode.SAFE])
def test_a_mode_without_jobs_holds_them_and_compute_lets_them_go_on(operator, mode):
    submit(operator, 1)
    submit(operator, 2)
    assert operator.command("mode.enter", mode=mode) is None
    assert (operator.job(1), operator.job(2)) == (("PAUSED", "MODE"), ("PAUSED", "MODE"))
    assert not operator.worker.is_alive
    operator.run(60)
    assert (operator.job(1), operator.job(2)) == (("PAUSED", "MODE"), ("PAUSED", "MODE"))
    assert operator.command("mode.enter", mode=Mode.COMPUTE) is None
    assert (operator.job(1), operator.job(2)) == (("STARTING", "NONE"), ("QUEUED", "NONE"))


def test_what_an_operator_has_paused_stays_paused_when_the_mode_lets_go(operator):
    submit(operator)
    operator.command("job.pause", job_id=1)
    operator.command("mode.enter", mode=Mode.SAFE)
    operator.command("mode.enter", mode=Mode.COMPUTE)
    operator.run(10)
    assert operator.job(1) == ("PAUSED", "OPERATOR")


def test_in_safe_no_job_is_submitted_or_resumed_but_the_rest_is_commanded(operator):
    submit(operator)
    operator.command("mode.enter", mode=Mode.SAFE)
    assert submit(operator, 2) is FailureCode.WRONG_MODE
    assert operator.command("job.resume", job_id=1) is FailureCode.WRONG_MODE
    assert operator.command("test.connection") is None
    assert operator.command("job.report", job_id=1) is None


def test_a_held_job_that_is_resumed_runs_again(operator):
    submit(operator)
    operator.command("mode.enter", mode=Mode.NOMINAL)
    assert operator.command("job.resume", job_id=1) is None
    assert operator.mode is Mode.COMPUTE
    assert operator.job(1) == ("STARTING", "NONE")


def test_entering_safe_is_told_as_a_high_event(operator):
    operator.command("mode.enter", mode=Mode.SAFE)
    (event,) = [event for event in operator.events if event.name == "safe_entered"]
    assert event.severity == 4


def test_a_mode_outlasts_a_reboot(operator):
    submit(operator)
    operator.command("mode.enter", mode=Mode.SAFE)
    operator.boot()
    assert operator.mode is Mode.SAFE
    assert operator.job(1) == ("PAUSED", "MODE")
    operator.run(10)
    assert not operator.worker.is_alive


def test_a_full_store_keeps_nobody_out_of_safe_and_a_command_still_leads_out(tmp_path):
    disk = FullDisk(tmp_path)
    operator = Operator(disk)
    submit(operator)
    operator.command("command.limit_silence", seconds=100)
    disk.is_full = True
    operator.run(101)
    assert operator.heard("safe_entered")
    assert not operator.worker.is_alive
    assert submit(operator, 2) is FailureCode.STORE or operator.mode is not Mode.SAFE
    disk.is_full = False
    operator.run(61)
    assert operator.mode is Mode.SAFE
    assert operator.command("mode.enter", mode=Mode.NOMINAL) is None
    operator.run(61)
    assert operator.mode is Mode.NOMINAL

"""Boots: why each was, when they are too many, what the software died of, and a reset by command."""

import pytest

from flight.crash import CALLS_MAX, describe_exception
from flight.disk import RealDisk
from flight.ledger import Ledger
from flight.services.boots import RESET_DELAY_NS, BootPolicy, note_crash
from flight.survival import SurvivalConfig
from hil.operator import NS_PER_S as SECOND
from hil.operator import Operator
from mission.boots import EXCEPTION_OCTETS_MAX, ResetReason
from mission.failures import FailureCode
from mission.modes import Mode

POLICY = BootPolicy(resets_max=3, short_ns=600 * SECOND)


@pytest.fixture
def operator(tmp_path):
    return Operator(RealDisk(tmp_path), survival=SurvivalConfig(boots=POLICY))


def reason(operator):
    operator.command("boot.report")
    return operator.heard("boot_report")[-1]["reason"]


def test_the_first_start_is_the_first_and_a_kill_is_unknown(operator):
    assert reason(operator) is ResetReason.FIRST
    operator.boot()
    assert reason(operator) is ResetReason.UNKNOWN
    assert operator.heard("reset") == [{"boot_count": 2, "reason": ResetReason.UNKNOWN, "resets": 1}]


def test_an_orderly_stop_is_no_reset(operator):
    operator.spacecraft.stop()
    operator.boot()
    assert reason(operator) is ResetReason.STOPPED
    assert operator.heard("reset") == []


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ({"clock_id": "second"}, ResetReason.POWER),
        ({"clock_id": "first"}, ResetReason.UNKNOWN),
        ({"clock_id": "second", "survival": SurvivalConfig(was_bitten=True)}, ResetReason.WATCHDOG),
    ],
)
def test_what_the_program_knows_of_its_start_tells_a_power_cut_from_a_kill(tmp_path, start, expected):
    Operator(RealDisk(tmp_path), clock_id="first")
    assert reason(Operator(RealDisk(tmp_path), **start)) is expected


def test_an_exception_is_kept_and_reported(operator):
    try:
        raise RuntimeError("a bit flipped")
    except RuntimeError as error:
        note_crash(Ledger(operator.disk), describe_exception(error))
    operator.boot()
    assert reason(operator) is ResetReason.CRASHED
    (told,) = operator.heard("exception_report")
    assert told["boot_count"] == 1
    assert told["text"].splitlines()[-1] == "RuntimeError: a bit flipped"
    assert told["text"].startswith("test_boots.py:")


def test_an_exception_is_told_without_paths_and_within_its_bound(operator):
    def fall(depth):
        if depth:
            fall(depth - 1)
        raise ValueError("é" * EXCEPTION_OCTETS_MAX)

    with pytest.raises(ValueError) as caught:
        fall(50)
    text = describe_exception(caught.value)
    assert len(text.splitlines()) == CALLS_MAX + 1
    assert "/" not in text
    note_crash(Ledger(operator.disk), text)
    operator.boot()
    operator.command("boot.report")
    (told,) = operator.heard("exception_report")
    assert 0 < len(told["text"].encode()) <= EXCEPTION_OCTETS_MAX


def test_the_last_exceptions_are_kept_over_a_compaction_and_no_more(operator, monkeypatch):
    monkeypatch.setattr("flight.ledger.COMPACTION_OCTETS_MIN", 1)
    for number in range(12):
        note_crash(Ledger(operator.disk), f"fault {number}")
    operator.boot()
    operator.command("boot.report")
    assert [told["text"] for told in operator.heard("exception_report")] == [f"fault {n}" for n in range(4, 12)]


def test_resets_after_short_lives_lead_to_safe_and_stay_there(operator):
    operator.command("job.submit", job_id=1, recipe="tiny", corpus="text")
    for count in range(1, POLICY.resets_max):
        operator.run(POLICY.short_ns // SECOND - 1)
        operator.boot()
        assert operator.mode is Mode.COMPUTE, count
    operator.boot()
    assert operator.mode is Mode.SAFE
    assert operator.job(1) == ("PAUSED", "MODE")
    assert operator.heard("safe_entered")[-1]["cause"].name == "RESETS"
    for _ in range(5):
        operator.boot()
    assert operator.mode is Mode.SAFE
    assert operator.command("mode.enter", mode=Mode.NOMINAL) is None
    assert operator.mode is Mode.NOMINAL


def test_a_life_that_was_long_begins_the_count_anew(operator):
    for _ in range(5):
        operator.boot()
        operator.boot()
        operator.run(POLICY.short_ns // SECOND)
    assert operator.mode is Mode.NOMINAL


def test_resets_by_command_are_never_too_many(operator):
    for _ in range(2 * POLICY.resets_max):
        operator.arm("spacecraft.reset")
        assert operator.command("spacecraft.reset") is None
        operator.run(RESET_DELAY_NS // SECOND)
        operator.boot()
        assert reason(operator) is ResetReason.COMMANDED
    assert operator.mode is Mode.NOMINAL


def test_a_reset_by_command_comes_once_after_its_answers_and_never_again(operator):
    assert operator.command("spacecraft.reset") is FailureCode.NOT_ARMED
    operator.arm("spacecraft.reset")
    assert operator.command("spacecraft.reset") is None
    assert operator.resets == []
    operator.run(RESET_DELAY_NS // SECOND)
    assert operator.resets == ["COMMANDED"]
    operator.boot()
    operator.sequence_count -= 1
    operator.arm("test.connection")
    operator.sequence_count = 2
    assert operator.command("spacecraft.reset") is None
    operator.run(10)
    assert operator.resets == ["COMMANDED"]

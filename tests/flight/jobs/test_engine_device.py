"""The job engine and a device that is doubted: findings of the guard, health, trust."""

import msgspec
import pytest

from flight.books.jobs import DeviceReset, DeviceTrusted
from flight.jobs.device_trust import DEVICE_RESETS_MAX
from flight.jobs.guard.coverage import NOT_COVERED
from flight.jobs.guard.finding import Finding
from flight.jobs.messages import (
    Failed,
    FailureKind,
    Probe,
    Start,
    Started,
    Step,
)
from flight.jobs.recipe import GuardLevel
from mission.jobs import Guarding, JobState, Struck
from tests.flight.jobs.engine_bench import CONFIG


def fail_as_unfit(bench):
    """Let the job's worker say that its device is not to be trusted, and wait out the back-off."""
    bench.script.requests.pop(0)
    bench.answer(Failed("wrong again and again", FailureKind.UNFIT))
    bench.advance(CONFIG.backoff_max_ns)


def test_a_device_that_gives_wrong_results_is_begun_anew_and_asked_before_it_gets_the_job_again(bench):
    bench.submit()
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Step))
    fail_as_unfit(bench)
    assert bench.script.requests == [Probe()]
    bench.answer()
    assert bench.script.requests == []  # The process that was asked does not get the job.
    bench.advance()
    assert bench.script.launches == 3
    assert isinstance(bench.script.requests[0], Start)
    bench.run()
    assert bench.state is JobState.DONE
    names = [name for name, _ in bench.said]
    assert names.index("device_reset") < names.index("device_healthy") < names.index("job_report")
    assert "device_distrusted" not in names
    assert bench.ledger.device_resets == 0


@pytest.mark.parametrize("how", ["wrong", "dead"])
def test_a_device_that_does_not_know_what_is_known_is_distrusted_until_an_operator_trusts_it(bench, how):
    bench.submit()
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Step))
    fail_as_unfit(bench)
    if how == "wrong":
        bench.script.requests.pop()
        bench.answer(Failed("expected a known product", FailureKind.UNFIT))
    else:
        bench.engine.lost("killed by signal 9", bench.now_ns)
        bench.said += [(each.name, each.values) for each in bench.reporter.take()]
    assert [name for name, _ in bench.said].count("device_distrusted") == 1
    bench.boot()
    bench.advance(CONFIG.backoff_max_ns)
    assert bench.engine.distrust
    assert bench.script.launches == 0
    assert bench.engine.next_deadline() is None
    bench.ledger.commit(DeviceTrusted())
    bench.advance()
    assert isinstance(bench.script.requests[0], Start)
    bench.run()
    assert bench.state is JobState.DONE


def test_a_device_that_passes_and_fails_again_and_again_is_distrusted_also_over_reboots(bench):
    bench.submit()
    for number in range(DEVICE_RESETS_MAX):
        bench.run(until=lambda bench: isinstance(bench.script.requests[0], Step))
        fail_as_unfit(bench)
        bench.answer()
        bench.advance()
        bench.boot()
        bench.advance()
        assert bench.ledger.device_resets == number + 1
        assert not bench.engine.distrust
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Step))
    fail_as_unfit(bench)
    assert bench.engine.distrust == "wrong again and again"


def test_a_job_that_went_on_under_another_key_says_so_ever_after(bench):
    bench.submit()
    bench.script.requests.pop()
    started = Started(
        step=0, steps=20, parameters=1, tokens_per_step=100, vocabulary=3, train_tokens=9, validation_tokens=1,
        inexact="from step 10 on: expected threads 2, found 1",
    )  # fmt: skip
    bench.answer(started)
    assert "threads" in dict(bench.said)["job_inexact"]["reason"]
    bench.boot()
    assert bench.engine.report(1)["inexact"] == "from step 10 on: expected threads 2, found 1"


def found(step, **changes):
    values = {"struck": Struck.DATA, "where": "corpus", "step": step, "redone_steps": 0}
    return Finding(**{**values, **changes})


def test_findings_are_told_whatever_became_of_the_request_and_the_next_worker_hears_of_them(bench):
    bench.submit()
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Step))
    bench.script.requests.pop()
    bench.answer(Failed("struck", FailureKind.LOST, (found(5),)))
    assert dict(bench.said)["fault_mended"]["struck"] == "DATA"
    bench.advance(CONFIG.backoff_max_ns)
    assert bench.script.requests[0].findings == (found(5),)
    bench.boot()
    assert bench.engine.report(1)["faults_mended"] == 1
    assert bench.ledger.jobs[1].findings == (found(5),)


def test_a_raised_guard_is_told(bench):
    bench.submit()
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Step))
    reply = bench.script.answer()
    bench.answer(msgspec.structs.replace(reply, findings=(found(1), found(2, raised_to="double"))))
    (raised,) = [values for name, values in bench.said if name == "guard_raised"]
    assert (raised["guard"], raised["step"], raised["where"]) == ("DOUBLE", 2, "corpus")


def test_no_job_is_given_up_for_a_device_that_is_out_of_use_and_trust_forgets_what_was_found(bench):
    bench.submit()
    for _ in range(CONFIG.restarts_max):
        bench.engine.lost("struck", bench.now_ns)
        bench.advance(CONFIG.backoff_max_ns)
    bench.answer()
    bench.script.requests = [Step(1)]
    bench.engine.running.outstanding.clear()
    bench.engine.running.outstanding.append(Step(1))
    bench.ledger.commit(DeviceReset(DEVICE_RESETS_MAX))
    bench.answer(Failed("struck 3 times", FailureKind.UNFIT, (found(5),)))
    assert bench.state is JobState.STARTING
    assert bench.engine.distrust == "struck 3 times"
    bench.advance(CONFIG.backoff_max_ns)
    assert bench.engine.running is None
    bench.ledger.commit(DeviceTrusted())
    bench.advance(CONFIG.backoff_max_ns)
    assert bench.script.requests[0].findings == ()


def test_the_report_of_a_job_says_how_it_is_guarded_and_what_that_does_not_find(bench):
    bench.submit()
    report = bench.engine.report(1)
    assert report["guard"] is Guarding.STATE
    assert "arithmetic" in report["not_covered"]
    assert set(NOT_COVERED) == set(GuardLevel)
    assert all(len(text.encode()) <= 200 for text in NOT_COVERED.values())

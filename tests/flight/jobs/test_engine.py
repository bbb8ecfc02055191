"""The job engine with a worker that a script answers for: the life cycle, the order of work, losses, and the store.

The script stands where the worker process stands; `test_supervision.py` has the real one.
"""

import errno
import math
from dataclasses import replace

import msgspec
import pytest

from ccsds.errors import MisuseError
from flight.books.jobs import DeviceReset, DeviceTrusted, JobSubmitted
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile, Origin
from flight.jobs.device_trust import DEVICE_RESETS_MAX
from flight.jobs.dialogue import OUTSTANDING_REQUESTS_MAX
from flight.jobs.engine import Engine
from flight.jobs.engine_config import EngineConfig
from flight.jobs.guard.coverage import NOT_COVERED
from flight.jobs.guard.finding import Finding
from flight.jobs.life_cycle import Trigger
from flight.jobs.messages import (
    Collect,
    Evaluate,
    Evaluated,
    Failed,
    FailureKind,
    Finish,
    Finished,
    Join,
    Probe,
    Probed,
    Sample,
    Sampled,
    Save,
    Saved,
    Saving,
    Start,
    Started,
    Step,
    Stepped,
)
from flight.jobs.recipe import GuardLevel
from flight.jobs.supervision import SupervisionConfig
from flight.ledger import Ledger
from flight.reporter import Reporter
from mission.definition import DICTIONARY
from mission.jobs import QUEUE_JOBS_MAX, Guarding, JobState, Struck

MS = 1_000_000
JOB = JobSubmitted(job_id=1, recipe="tiny", corpus="text", seed=7, steps=20, overrides="")
CONFIG = SupervisionConfig(restarts_max=2)
# A checkpoint is begun at each thirtieth step, and has two steps of time to be written.
WITH_LEAD = "training.checkpoint_interval = 32"


CORPUS = CorpusFile(name="text", path="text.txt", sha256="cd" * 32, length_octets=10, origin=Origin.PATH, notice="")


class Disk(RealDisk):
    """A real disk that can be told to be full."""

    is_full = False

    def append(self, path, data):
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(path, data)


class Script:
    """The worker's end: it keeps what it was asked, and answers when told to."""

    def __init__(self):
        self.requests = []
        self.log = []
        self.step = 0
        self.launches = 0

    def launch(self):
        self.requests = []
        self.launches += 1

    def send(self, request):
        self.requests.append(request)
        self.log.append(request)

    memory = 0

    def memory_octets(self):
        return self.memory

    def kill(self):
        self.requests = []

    def answer(self):
        match request := self.requests.pop(0):
            case Probe():
                return Probed()
            case Start():
                self.step = request.checkpoint.step if request.checkpoint else 0
                return Started(
                    step=self.step, steps=20, parameters=1, tokens_per_step=100, vocabulary=3, train_tokens=9,
                    validation_tokens=1,
                )  # fmt: skip
            case Step(count):
                self.step += count
                return Stepped(step=self.step, loss=3.0 - self.step / 10, gradient_norm=1.0, learning_rate=1e-3)
            case Evaluate():
                return Evaluated(self.step, 2.5)
            case Save(slot):
                self.saving = Saved(
                    step=self.step, slot=slot, sha256=f"{self.step:064x}", length_octets=10, written_octets=10
                )
                self.patience = 1
                return Saving(step=self.step)
            case Collect() if self.patience:
                self.patience -= 1
                return Saving(step=self.saving.step)
            case Collect() | Join():
                return self.saving
            case Sample():
                return Sampled("to be")
            case Finish():
                return Finished(step=self.step, weights_sha256="ab" * 32, path="m", length_octets=4)


class Bench:
    """An engine on a bench, and its clock."""

    def __init__(self, folder):
        self.disk = Disk(folder)
        self.config = EngineConfig(supervision=CONFIG)
        self.now_ns = 0
        self.said = []
        self.boot()

    def boot(self):
        self.ledger = Ledger(self.disk)
        self.reporter = Reporter(DICTIONARY)
        self.script = Script()
        self.engine = Engine(self.config, self.ledger, self.script, self.reporter, {"text": CORPUS}, self.disk)
        self.engine.boot(self.now_ns)

    def restart(self, **config):
        self.config = replace(self.config, **config)
        self.boot()

    def submit(self, job=JOB):
        self.ledger.commit(*self.engine.queue.submit(job))
        self.advance()

    def wish(self, trigger, job_id=1):
        before = self.ledger.jobs[job_id].state
        self.ledger.commit(*self.engine.queue.move(job_id, trigger))
        self.engine.moved(job_id, before, trigger, self.now_ns)

    def advance(self, elapsed_ns=0):
        self.now_ns += elapsed_ns
        self.engine.advance(self.now_ns)

    def answer(self, reply=None):
        self.now_ns += 10 * MS
        self.engine.reply(reply or self.script.answer(), self.now_ns)
        self.said += [(each.name, each.values) for each in self.reporter.take()]

    def run(self, until=lambda bench: False):
        while self.script.requests and not until(self):
            self.answer()

    @property
    def state(self):
        return self.ledger.jobs[1].state


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_job_goes_from_queue_to_done_and_its_report_says_so(bench):
    bench.submit()
    assert bench.state is JobState.STARTING
    bench.run()
    assert bench.state is JobState.DONE
    reports = dict(bench.said)
    assert reports["job_report"]["state"] == "DONE"
    assert reports["job_report"]["weights_sha256"] == "ab" * 32
    assert reports["job_report"]["validation_loss"] == 2.5
    assert reports["job_sample"]["text"] == "to be"
    moves = [(values["before"], values["after"]) for name, values in bench.said if name == "job_changed"]
    assert moves == [("QUEUED", "STARTING"), ("STARTING", "RUNNING"), ("RUNNING", "DONE")]


def test_the_worker_has_one_request_waiting_and_never_more(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 60, WITH_LEAD))
    while bench.script.requests:
        assert len(bench.script.requests) <= OUTSTANDING_REQUESTS_MAX
        bench.answer()
        if bench.state is JobState.RUNNING and not isinstance(bench.script.log[-1], Finish | Join):
            assert len(bench.script.requests) == OUTSTANDING_REQUESTS_MAX


def test_a_checkpoint_never_goes_into_the_slot_that_counts(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 40, ""))
    current = None
    while bench.script.requests:
        if isinstance(bench.script.requests[0], Save):
            assert bench.script.requests[0].slot != current
        bench.answer()
        checkpoint = bench.ledger.jobs[1].checkpoint
        current = checkpoint.slot if checkpoint else None
    assert [request.slot for request in bench.script.log if isinstance(request, Save)] == ["a", "b", "a"]


def test_steps_go_on_while_a_checkpoint_is_written_and_it_is_known_before_the_next_and_the_end(bench):
    bench.restart(grant_steps_max=1)
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 160, WITH_LEAD))
    open_at, steps_meanwhile = None, 0
    while bench.script.requests:
        request = bench.script.requests[0]
        if isinstance(request, Save | Finish):
            assert open_at is None
        bench.answer()
        if isinstance(request, Save):
            open_at = bench.script.step
        elif isinstance(request, Step) and open_at is not None:
            steps_meanwhile += 1
        checkpoint = bench.ledger.jobs[1].checkpoint
        if checkpoint is not None and checkpoint.step == open_at:
            assert checkpoint.loss == pytest.approx(3.0 - open_at / 10)  # Of its step, not of those done since.
            open_at = None
    assert [each.step for each in bench.ledger.jobs[1].checkpoints] == [120, 150]
    assert steps_meanwhile >= 5
    assert bench.state is JobState.DONE


@pytest.mark.parametrize("interval", [1, 2, 10, 16, 32, 100])
@pytest.mark.parametrize("grant_steps_max", [1, 7, 1_000])
def test_never_is_more_than_one_checkpoint_interval_at_stake(bench, interval, grant_steps_max):
    bench.restart(grant_steps_max=grant_steps_max)
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 260, f"training.checkpoint_interval = {interval}"))
    asked = at_stake = 0
    while bench.script.requests:
        request = bench.script.requests[0]
        if isinstance(request, Step):
            asked += request.count
        bench.answer()
        if isinstance(request, Save):
            bench.script.patience = 1 << 30  # It is not written before somebody waits for it.
        checkpoint = bench.ledger.jobs[1].checkpoint
        counting = checkpoint.step if checkpoint else 0
        at_stake = max(at_stake, asked - counting)
    assert bench.state is JobState.DONE
    assert at_stake == interval


def test_a_checkpoint_of_a_step_that_never_was_costs_the_worker(bench):
    bench.submit()
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Save))
    bench.script.requests.pop(0)
    bench.answer(Saving(step=11))
    assert bench.state is JobState.STARTING


def test_a_checkpoint_that_was_begun_anew_counts_with_its_own_step(bench):
    bench.restart(grant_steps_max=1)
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 60, WITH_LEAD))
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Collect))
    bench.script.saving = Saved(step=bench.script.step, slot="a", sha256="ee" * 32, length_octets=1, written_octets=1)
    bench.script.patience = 0
    step = bench.script.step
    bench.answer()
    assert step > 30
    assert bench.ledger.jobs[1].checkpoint.step == step


def test_a_pause_waits_for_the_checkpoint_that_is_being_written(bench):
    bench.restart(grant_steps_max=1)
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 60, WITH_LEAD))
    bench.run(until=lambda bench: bench.script.requests and isinstance(bench.script.log[-1], Collect))
    bench.wish(Trigger.PAUSE)
    bench.run()
    assert bench.ledger.jobs[1].checkpoint.step == bench.script.step
    assert bench.state is JobState.PAUSED
    assert any(isinstance(request, Join) for request in bench.script.log)


def test_a_lost_worker_is_replaced_after_a_back_off_and_goes_on_from_the_checkpoint(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.engine.lost("killed", bench.now_ns)
    assert bench.state is JobState.STARTING
    bench.advance(CONFIG.backoff_ns - 1)
    assert bench.script.launches == 1
    assert bench.engine.next_deadline() == bench.now_ns + 1
    bench.advance(1)
    assert bench.script.launches == 2
    assert bench.script.requests[0].checkpoint.step == 10
    bench.run()
    assert bench.state is JobState.DONE
    assert bench.ledger.jobs[1].worker_restarts == 1


def test_a_worker_that_does_not_answer_is_taken_for_lost(bench):
    bench.submit()
    deadline_ns = bench.engine.next_deadline()
    assert deadline_ns == CONFIG.progress_deadline_ns
    bench.advance(deadline_ns - bench.now_ns)
    names = [each.name for each in bench.reporter.take()]
    assert "worker_lost" in names
    assert bench.state is JobState.STARTING


def test_a_job_whose_workers_are_lost_in_a_row_is_given_up(bench):
    bench.submit()
    for _ in range(CONFIG.restarts_max + 1):
        bench.engine.lost("killed", bench.now_ns)
        bench.advance(CONFIG.backoff_max_ns)
    assert bench.state is JobState.FAILED
    assert "3 workers lost in a row: killed" in bench.ledger.jobs[1].reason


def test_a_checkpoint_that_cannot_be_used_gives_way_to_the_one_before(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 40, ""))
    bench.run(until=lambda bench: len(bench.ledger.jobs[1].checkpoints) == 2)
    bench.engine.lost("killed", bench.now_ns)
    bench.advance(CONFIG.backoff_max_ns)
    assert bench.script.requests[0].checkpoint.step == 20
    bench.script.requests.pop()
    bench.answer(Failed("digest differs", FailureKind.CHECKPOINT))
    bench.advance()
    refused = dict(bench.said)["checkpoint_refused"]
    assert (refused["step"], refused["next_step"], refused["reason"]) == (20, 10, "digest differs")
    assert bench.script.requests[0].checkpoint.step == 10
    bench.script.requests.pop()
    bench.answer(Failed("digest differs", FailureKind.CHECKPOINT))
    bench.advance()
    assert bench.script.requests[0].checkpoint is None
    assert dict(bench.said[-4:])["checkpoint_refused"]["next_step"] == 0
    bench.boot()
    assert bench.engine.report(1)["checkpoints_refused"] == 2


def test_a_checkpoint_of_another_exactness_key_ends_the_job_with_the_field_that_differs(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 40, ""))
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.engine.lost("killed", bench.now_ns)
    bench.advance(CONFIG.backoff_max_ns)
    bench.script.requests.pop()
    bench.answer(Failed("of another exactness key: expected threads 2, found 1", FailureKind.KEY))
    assert bench.state is JobState.FAILED
    assert "expected threads 2, found 1" in dict(bench.said)["job_report"]["failure"]


def test_a_job_that_failed_keeps_its_checkpoint_and_goes_on_from_it_when_it_is_told_to(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 40, ""))
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    for path in ("jobs/1/slot-a.safetensors", "jobs/1/slot-a.json"):
        bench.disk.append(path, b"x")
    bench.script.requests = [Step(1)]
    bench.answer(Failed("of another exactness key", FailureKind.KEY))
    assert bench.state is JobState.FAILED
    bench.boot()
    assert bench.disk.list("jobs/1") == ["jobs/1/slot-a.json", "jobs/1/slot-a.safetensors"]
    bench.wish(Trigger.RESUME)
    bench.advance()
    assert bench.script.requests[0].checkpoint.step == 10
    bench.run()
    assert bench.state is JobState.DONE


def test_a_job_that_failed_can_be_cancelled_and_then_keeps_nothing(bench):
    bench.submit()
    bench.disk.append("jobs/1/slot-a.safetensors", b"x")
    bench.script.requests.pop()
    bench.answer(Failed("the corpus is too short", FailureKind.JOB))
    bench.wish(Trigger.CANCEL)
    assert bench.disk.list("jobs/1") == []
    with pytest.raises(MisuseError, match="expected nothing: it has ended"):
        bench.wish(Trigger.RESUME)


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


def test_every_grant_of_steps_tells_the_worker_on_board_time(bench):
    bench.engine = Engine(
        bench.config,
        bench.ledger,
        bench.script,
        bench.reporter,
        {"text": CORPUS},
        bench.disk,
        lambda now_ns: now_ns + 7,
    )
    bench.submit()
    asked_ns = [bench.now_ns]
    while bench.script.requests:
        sent = len(bench.script.log)
        bench.answer()
        asked_ns += [bench.now_ns] * (len(bench.script.log) - sent)
    told = [(request, at_ns) for request, at_ns in zip(bench.script.log, asked_ns, strict=True)]
    told = [(request.tai_ns, at_ns + 7) for request, at_ns in told if isinstance(request, Start | Step)]
    assert len(told) > 3
    assert all(found == expected for found, expected in told)


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


def test_a_job_that_is_at_fault_fails_with_its_reason(bench):
    bench.submit()
    bench.script.requests.pop()
    bench.answer(Failed("the corpus is too short", FailureKind.JOB))
    assert bench.state is JobState.FAILED
    assert dict(bench.said)["job_report"]["failure"] == "the corpus is too short"


def test_a_pause_saves_a_checkpoint_first_and_a_resumed_job_ends_alike(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 30, ""))
    bench.run(until=lambda bench: bench.script.step >= 3)
    bench.wish(Trigger.PAUSE)
    bench.run()
    assert bench.state is JobState.PAUSED
    assert bench.ledger.jobs[1].checkpoint.step == bench.script.step > 0
    bench.wish(Trigger.RESUME)
    bench.advance()
    assert bench.script.requests[0].checkpoint.step == bench.ledger.jobs[1].checkpoint.step
    bench.run()
    assert bench.state is JobState.DONE


def test_a_cancelled_job_lets_the_next_one_run(bench):
    bench.submit()
    bench.submit(JobSubmitted(2, "tiny", "text", 7, 20, ""))
    assert bench.ledger.jobs[2].state is JobState.QUEUED
    bench.wish(Trigger.CANCEL)
    assert bench.state is JobState.CANCELLED
    bench.advance()
    assert bench.ledger.jobs[2].state is JobState.STARTING


def test_a_reboot_puts_the_running_job_back_and_it_goes_on(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.boot()
    assert bench.state is JobState.QUEUED
    bench.advance()
    assert bench.script.requests[0].checkpoint.step == 10
    bench.run()
    assert bench.state is JobState.DONE


def test_a_full_disk_stops_the_job_and_loses_nothing(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 30, ""))
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.disk.is_full = True
    bench.run()
    assert "store_failed" in dict(bench.said)
    assert bench.state is JobState.RUNNING  # Nothing that could not be remembered has happened.
    bench.disk.is_full = False
    for _ in range(3):
        bench.advance(CONFIG.backoff_max_ns)
    bench.run()
    assert bench.state is JobState.DONE


def test_a_reply_of_a_worker_that_is_gone_is_let_pass(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.state is JobState.RUNNING)
    bench.engine.lost("killed", bench.now_ns)
    bench.answer(Finished(step=20, weights_sha256="00" * 32, path="m", length_octets=4))
    assert bench.state is JobState.STARTING


def test_the_rate_comes_from_the_clock_that_is_given(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.script.step >= 1)
    assert bench.engine.sources()["job_tokens_per_s"](0) == pytest.approx(100 / 0.01)
    assert math.isfinite(bench.engine.sources()["job_loss"](0))


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (JobSubmitted(2, "huge", "text", 7, 0, ""), "unknown recipe 'huge'"),
        (JobSubmitted(2, "tiny", "bible", 7, 0, ""), "unknown corpus 'bible': expected one of text"),
        (JobSubmitted(2, "tiny", "text", 7, 0, "training.stepz = 3"), "unknown key training.stepz"),
        (JobSubmitted(1, "tiny", "text", 8, 20, ""), "job 1 is another job already"),
    ],
)
def test_a_job_that_cannot_run_is_refused_by_name(bench, job, message):
    bench.submit()
    with pytest.raises(MisuseError) as caught:
        bench.engine.queue.submit(job)
    assert message in str(caught.value)


def test_the_same_job_submitted_twice_is_one_job(bench):
    bench.submit()
    assert bench.engine.queue.submit(JOB) == ()


def test_the_queue_is_bounded(bench):
    for number in range(QUEUE_JOBS_MAX):
        bench.submit(JobSubmitted(number + 1, "tiny", "text", 7, 20, ""))
    with pytest.raises(MisuseError, match=f"fewer than {QUEUE_JOBS_MAX} jobs"):
        bench.engine.queue.submit(JobSubmitted(99, "tiny", "text", 7, 20, ""))


def test_a_job_that_is_cancelled_while_it_is_parked_and_queued_again_lets_its_worker_go(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 30, ""))
    bench.run(until=lambda bench: bench.script.step >= 3)
    bench.wish(Trigger.PAUSE)
    bench.wish(Trigger.RESUME)
    bench.wish(Trigger.CANCEL)
    assert bench.script.requests == []
    bench.submit(JobSubmitted(2, "tiny", "text", 7, 20, ""))
    bench.run()
    assert bench.ledger.jobs[2].state is JobState.DONE


def test_replies_that_come_together_do_not_blow_up_the_next_grant(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 100_000, "training.checkpoint_interval = 100000"))
    bench.answer()
    for _ in range(4):
        bench.now_ns += 1_000_000_000  # A second a step.
        bench.engine.reply(bench.script.answer(), bench.now_ns)
        bench.engine.reply(bench.script.answer(), bench.now_ns)
    assert max(request.count for request in bench.script.log if isinstance(request, Step)) <= 2


def test_checkpoints_between_losses_keep_a_job_from_being_given_up(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 100, ""))
    for number in range(CONFIG.restarts_max + 3):
        step = 10 * (number + 1)
        bench.run(until=lambda bench, step=step: getattr(bench.ledger.jobs[1].checkpoint, "step", 0) == step)
        bench.engine.lost("killed", bench.now_ns)
        bench.advance(CONFIG.backoff_max_ns)
        assert bench.state is JobState.STARTING


def test_the_back_off_doubles_with_each_loss(bench):
    bench.submit()
    waits = []
    for _ in range(CONFIG.restarts_max):
        bench.engine.lost("killed", bench.now_ns)
        waits.append(bench.engine.next_deadline() - bench.now_ns)
        bench.advance(waits[-1])
    assert waits == [CONFIG.backoff_ns, 2 * CONFIG.backoff_ns]


def test_while_the_store_is_held_off_nothing_more_is_tried(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 30, ""))
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.disk.is_full = True
    bench.run()
    count = sum(name == "store_failed" for name, _ in bench.said)
    for _ in range(100):
        bench.advance(1)
    assert [each.name for each in bench.reporter.take()] == []
    assert count == 1
    assert bench.engine.next_deadline() > bench.now_ns


def test_a_worker_that_answers_is_not_taken_for_hung_however_long_its_job_is(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 1000, "training.checkpoint_interval = 1000"))
    for _ in range(10):
        bench.now_ns += CONFIG.progress_deadline_ns - 1
        bench.engine.advance(bench.now_ns)
        bench.engine.reply(bench.script.answer(), bench.now_ns)
    assert bench.ledger.jobs[1].worker_restarts == 0


def test_a_worker_that_cannot_be_started_is_tried_again_after_a_while(bench, monkeypatch):
    def fail():
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(bench.script, "launch", fail)
    bench.submit()
    assert bench.state is JobState.STARTING
    monkeypatch.undo()
    bench.advance(CONFIG.backoff_ns)
    bench.run()
    assert bench.state is JobState.DONE


def test_a_reply_that_makes_no_sense_costs_the_worker_and_not_the_engine(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.state is JobState.RUNNING)
    bench.answer(Finished(step=20, weights_sha256="not hexadecimal", path="m", length_octets=4))
    assert bench.state is JobState.STARTING


def test_a_checkpoint_that_the_store_refused_does_not_stop_the_job(bench):
    bench.submit()
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Save))
    bench.script.requests.pop(0)
    bench.answer(Failed("No space left on device", FailureKind.STORE))
    bench.run()
    assert bench.state is JobState.DONE


def test_a_job_that_has_ended_badly_is_not_taken_for_queued_again(bench):
    bench.submit()
    bench.wish(Trigger.CANCEL)
    with pytest.raises(MisuseError, match="job 1 has ended CANCELLED: expected an unused job id"):
        bench.engine.queue.submit(JOB)


def test_the_slots_of_a_job_that_ended_are_given_back_and_its_model_stays(bench):
    bench.disk.append("jobs/1/slot-a.safetensors", b"x")
    bench.disk.append("jobs/1/model.safetensors", b"x")
    bench.submit()
    bench.run()
    assert bench.disk.list("jobs/1") == ["jobs/1/model.safetensors"]


@pytest.mark.parametrize("overrides", ["training.learning_rate = " + "9" * 400, "a=" + "[" * 500])
def test_overrides_that_no_reader_can_hold_are_refused(bench, overrides):
    with pytest.raises(MisuseError):
        bench.engine.queue.submit(JobSubmitted(3, "tiny", "text", 7, 20, overrides))

"""Checkpoints that are struck on the store, cut, foreign, or of another key: refused with a reason, and what then."""

import hashlib
from collections import deque

import msgspec
import pytest

from flight.books.jobs import JobSubmitted
from flight.disk import RealDisk
from flight.jobs import checkpoint as checkpoint_module
from flight.jobs.checkpoint import exactness_key
from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.engine import Engine
from flight.jobs.engine_config import EngineConfig
from flight.jobs.messages import CheckpointReference
from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from flight.jobs.supervision import SupervisionConfig
from flight.jobs.worker import Worker
from flight.ledger import Ledger
from flight.reporter import Reporter
from hil.faults.flip import Spread
from hil.faults.stored import draw_stored_strike, files_of, strike_stored
from hil.faults.trial import Verdict, strike_checkpoint
from hil.streams import Streams
from mission.definition import DICTIONARY
from mission.jobs import JobState

OVERRIDES = "training.steps = 40\ntraining.evaluation_interval = 40\ntraining.checkpoint_interval = 10"
SEED = 5


class Direct:
    """A worker in this process, which answers at once."""

    def __init__(self, folder):
        self._disk = RealDisk(folder)
        self.replies = deque()

    def launch(self):
        self._worker = Worker(self._disk)

    def send(self, request):
        self.replies.append(self._worker.answer(request))

    def kill(self):
        self.replies.clear()

    def memory_octets(self):
        return 0


class Board:
    """A ledger, an engine and a worker, without a link."""

    def __init__(self, folder, corpus, seed=SEED):
        self.disk = RealDisk(folder)
        self.ledger = Ledger(self.disk)
        self.worker = Direct(folder)
        self._reporter = Reporter(DICTIONARY)
        self.said = []
        self.now_ns = 0
        config = EngineConfig(supervision=SupervisionConfig(backoff_ns=1))
        self.engine = Engine(config, self.ledger, self.worker, self._reporter, {"text": corpus}, self.disk)
        self.engine.boot(0)
        self.ledger.commit(*self.engine.queue.submit(JobSubmitted(1, "tiny", "text", seed, 0, OVERRIDES)))

    @property
    def job(self):
        return self.ledger.jobs[1]

    def run(self, until=lambda job: False):
        while self.job.state not in (JobState.DONE, JobState.FAILED) and not until(self.job):
            self.now_ns += 10**9
            self.engine.advance(self.now_ns)
            if self.worker.replies:
                self.engine.reply(self.worker.replies.popleft(), self.now_ns)
            self.said += [(each.name, each.values) for each in self._reporter.take()]

    def lose_worker(self):
        self.engine.lost("killed", self.now_ns)

    def told(self, name):
        return [values for each, values in self.said if each == name]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text("".join(f"line {number}: {number * 7919 % 1009}\n" for number in range(2_000)))
    return find_corpus(str(path), CorpusSources(cache_directory=path.parent))


@pytest.fixture(scope="module")
def undisturbed(corpus):
    return run_reference(load_recipe("tiny").override(OVERRIDES), corpus, SEED).weights_sha256


@pytest.fixture
def board(tmp_path, corpus):
    board = Board(tmp_path / "store", corpus)
    board.run(until=lambda job: len(job.checkpoints) == 2)
    assert [each.step for each in board.job.checkpoints] == [10, 20]
    return board


def require_the_one_before(board, undisturbed):
    """The second checkpoint is refused, the first is gone on from and said so, and the end is the same."""
    board.lose_worker()
    board.run()
    assert board.job.state is JobState.DONE
    assert board.job.finished.weights_sha256.hex() == undisturbed
    (refused,) = board.told("checkpoint_refused")
    assert (refused["step"], refused["next_step"]) == (20, 10)
    assert [each["step"] for each in board.told("job_resumed")] == [10]
    assert board.told("job_report")[-1]["checkpoints_refused"] == 1
    return refused["reason"]


@pytest.mark.parametrize("seed", range(8))
def test_a_checkpoint_struck_on_the_store_is_refused_and_the_one_before_it_taken(board, undisturbed, seed):
    chance = Streams(seed).block("stored", 0)
    spread = list(Spread)[seed % len(Spread)]
    strike = draw_stored_strike(chance, board.disk, 1, board.job.checkpoint.slot, spread)
    strike_stored(board.disk.root, strike)
    assert strike.path in require_the_one_before(board, undisturbed)


@pytest.mark.parametrize("file", ["slot-b.json", "slot-b.safetensors"])
def test_a_checkpoint_that_was_cut_is_refused_and_the_one_before_it_taken(board, undisturbed, file):
    path = board.disk.locate(f"jobs/1/{file}")
    path.write_bytes(path.read_bytes()[:-1])
    reason = require_the_one_before(board, undisturbed)
    assert reason.startswith(f"jobs/1/{file}: expected ")


def test_a_checkpoint_of_another_job_in_its_place_is_refused_and_the_one_before_it_taken(
    board, undisturbed, corpus, tmp_path
):
    other = Board(tmp_path / "other", corpus, seed=6)
    other.run(until=lambda job: len(job.checkpoints) == 2)
    for file in ("slot-b.json", "slot-b.safetensors"):
        board.disk.locate(f"jobs/1/{file}").write_bytes(other.disk.read(f"jobs/1/{file}"))
    reason = require_the_one_before(board, undisturbed)
    assert reason.startswith("jobs/1/slot-b.json: expected SHA-256 ")


def test_a_foreign_checkpoint_that_the_journal_vouches_for_is_refused_by_what_differs(board, undisturbed):
    path = board.disk.locate("jobs/1/slot-b.json")
    manifest = msgspec.json.decode(path.read_bytes()) | {"seed": 6}
    path.write_bytes(msgspec.json.encode(manifest))
    before, counting = board.job.checkpoints
    forged = msgspec.structs.replace(counting, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    board.ledger.commit(before, forged)
    assert "of another job: expected seed 5, found 6" in require_the_one_before(board, undisturbed)


@pytest.mark.parametrize(
    ("field", "value"),
    [("threads", 3), ("torch_build", "1.0"), ("device", "cpu: an abacus"), ("instruction_set", "none"), ("dtype", "x")],
)
def test_a_checkpoint_of_another_exactness_key_ends_the_job_with_what_differs(board, monkeypatch, field, value):
    key = msgspec.structs.replace(exactness_key(), **{field: value})
    monkeypatch.setattr(checkpoint_module, "exactness_key", lambda *_: key)
    board.lose_worker()
    board.run()
    assert board.job.state is JobState.FAILED
    (report,) = board.told("job_report")
    assert report["failure"].startswith("jobs/1/slot-b.json: of another exactness key")
    assert [each["reason"] for each in board.told("job_changed")][-1] == report["failure"]


def test_a_job_whose_both_checkpoints_were_struck_begins_anew_and_ends_alike(board, undisturbed):
    for file in ("slot-a.safetensors", "slot-b.safetensors"):
        path = board.disk.locate(f"jobs/1/{file}")
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    board.lose_worker()
    board.run()
    assert [(each["step"], each["next_step"]) for each in board.told("checkpoint_refused")] == [(20, 10), (10, 0)]
    assert board.job.finished.weights_sha256.hex() == undisturbed


# Strikes by themselves; the long count is in `tools.bench.flips`.


def references_of(board):
    return [CheckpointReference(slot=each.slot, step=each.step, sha256=each.sha256) for each in board.job.checkpoints]


def trials(board, seeds):
    identity = board.worker._worker._open._identity
    before, counting = references_of(board)
    return [strike_checkpoint(board.disk, identity, counting, before, Streams(seed)) for seed in seeds]


def test_each_strike_is_refused_by_a_digest_or_the_form_and_undone_after_its_trial(board):
    octets = {path: board.disk.read(path) for path in files_of(board.disk, 1, "b")}
    assert sorted(octets) == ["jobs/1/slot-b.json", "jobs/1/slot-b.safetensors"]
    done = trials(board, range(40))
    assert {trial.verdict for trial in done} == {Verdict.FOUND}
    assert {trial.what.split(",")[0] for trial in done} == octets.keys()
    assert all("expected" in trial.detail for trial in done)
    assert {path: board.disk.read(path) for path in octets} == octets


def test_a_digest_that_nobody_looks_at_is_seen(board, monkeypatch):
    check = checkpoint_module._check_tensors

    def credulous(path, data, entries):
        try:
            return check(path, data, entries)
        except checkpoint_module.MalformedError:
            return checkpoint_module.safetensors.torch.load(data)

    monkeypatch.setattr(checkpoint_module, "_check_tensors", credulous)
    assert Verdict.MISSED in {trial.verdict for trial in trials(board, range(10))}

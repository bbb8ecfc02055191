"""A job engine on a bench, with a worker that a script answers for.

The script stands where the worker process stands; `test_supervision.py` has the real one.
"""

import errno
from dataclasses import replace

from flight.books.jobs import JobSubmitted
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile, Origin
from flight.jobs.engine import Engine
from flight.jobs.engine_config import EngineConfig
from flight.jobs.messages import (
    Collect,
    Evaluate,
    Evaluated,
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
from flight.jobs.supervision import SupervisionConfig
from flight.ledger import Ledger
from flight.reporter import Reporter
from mission.definition import DICTIONARY

# A checkpoint is begun at each thirtieth step, and has two steps of time to be written.
WITH_LEAD = "training.checkpoint_interval = 32"


MS = 1_000_000


JOB = JobSubmitted(job_id=1, recipe="tiny", corpus="text", seed=7, steps=20, overrides="")


CONFIG = SupervisionConfig(restarts_max=2)


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

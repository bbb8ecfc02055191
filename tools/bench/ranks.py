"""Two processes under torchrun: one of them killed at a random instant, again and again, and what they cost and gain.

The instant is drawn over the whole life of a launch: while ranks look for each other, in steps, in a checkpoint, in the
evaluation. After each loss a group is launched afresh from the last checkpoint that counts, and is not disturbed again.
"""

import os
import random
import select
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from flight.jobs.corpus import CorpusFile, CorpusSources, find_corpus
from flight.jobs.messages import (
    CheckpointReference,
    Failed,
    Finish,
    Finished,
    Join,
    Reply,
    Request,
    Save,
    Saved,
    Start,
    Started,
    Step,
    Stepped,
)
from flight.jobs.process import WorkerProcess
from flight.jobs.recipe import Recipe, load_recipe
from tools.bench.row import Row

GROUP = "exact"
SEED = 1337
STEPS, INTERVAL = 200, 20
_KILLS, _CAMPAIGN_KILLS = 3, 20
_LAUNCHES_MAX = 5
_NOTHING = "nothing"
_REPLY_WAIT_S = 300.0

_STRATEGIES = {"ddp": 'devices.parallel = "ddp"', "fsdp2": 'devices.parallel = "fsdp2"\nguard.level = "off"'}


def run() -> list[Row]:
    """Kill a few, and measure the speed."""
    return _kill_row(_KILLS) + _speed_rows()


def campaign() -> list[Row]:
    """Kill as many as the promise says."""
    return _kill_row(_CAMPAIGN_KILLS)


def _kill_row(kills: int) -> list[Row]:
    corpus = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ))
    chance = random.Random(SEED)
    equal = lost = 0
    places: list[str] = []
    undisturbed: dict[str, tuple[str, float]] = {}
    for number in range(kills):
        strategy = tuple(_STRATEGIES)[number % len(_STRATEGIES)]
        recipe = load_recipe("tiny").override(
            f"devices.processes = 2\ntraining.steps = {STEPS}\nmodel.dropout = 0.1\n{_STRATEGIES[strategy]}"
        )
        if strategy not in undisturbed:
            course = _Course(recipe, corpus)
            undisturbed[strategy] = (course.run(), course.elapsed_s)
        sha256, elapsed_s = undisturbed[strategy]
        while True:
            course = _Course(recipe, corpus, kill_after_s=chance.uniform(0.0, elapsed_s), victim=chance.randrange(2))
            is_equal = course.run() == sha256
            if course.struck_in != _NOTHING:  # Else the job was faster this time, and over before the instant came.
                break
        equal += is_equal
        lost += course.launches > 1
        places.append(course.struck_in)
    where = ", ".join(f"{places.count(each)} in {each}" for each in sorted(set(places)))
    return [
        Row(
            group=GROUP,
            name=f"2 processes, one killed at a random instant, {kills} times ({lost} launches lost; {where})",
            value=equal,
            unit="bit-identical",
            target=f"{kills}",
            ok=equal == kills,
        )
    ]


@dataclass
class _Course:
    """One job from its start to its finish, in as many launches as it takes."""

    recipe: Recipe
    corpus: CorpusFile
    kill_after_s: float | None = None
    """Since the first launch."""
    victim: int = 0
    """Rank that is killed; torchrun itself as long as there are no ranks."""
    launches: int = 0
    struck_in: str = _NOTHING
    elapsed_s: float = 0.0
    rate_tps: float = 0.0
    """Tokens a second, in steps alone."""
    _began_s: float = 0.0
    _checkpoint: CheckpointReference | None = None
    _worker: WorkerProcess = field(init=False)

    def run(self) -> str:
        """Give the SHA-256 of the weights it ends with."""
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, WorkerProcess(Path(folder) / "store") as worker:
            self._worker = worker
            self._began_s = time.monotonic()
            for self.launches in range(1, _LAUNCHES_MAX + 1):
                worker.launch()
                sha256 = self._work()
                if sha256 is not None:
                    self.elapsed_s = time.monotonic() - self._began_s
                    return sha256
        return f"no end in {_LAUNCHES_MAX} launches"

    def _work(self) -> str | None:
        """Go on from the last checkpoint; None if the worker died."""
        start = Start(
            job_id=1,
            recipe=self.recipe.to_toml(),
            corpus_path=str(self.corpus.path),
            corpus_sha256=self.corpus.sha256,
            seed=SEED,
            checkpoint=self._checkpoint,
        )
        started = self._ask(start)
        if not isinstance(started, Started):
            return None
        began_s, first = time.monotonic(), started.step
        for step in range(started.step, STEPS, INTERVAL):
            if not isinstance(self._ask(Step(INTERVAL)), Stepped):
                return None
            slot = "b" if self._checkpoint is not None and self._checkpoint.slot == "a" else "a"
            parent = self._checkpoint.sha256 if self._checkpoint is not None else ""
            if step + INTERVAL < STEPS:
                self._ask(Save(slot, parent))
                saved = self._ask(Join())
                if not isinstance(saved, Saved):
                    return None
                self._checkpoint = CheckpointReference(slot=slot, step=saved.step, sha256=saved.sha256)
        self.rate_tps = (STEPS - first) * started.tokens_per_step / (time.monotonic() - began_s)
        finished = self._ask(Finish())
        return finished.weights_sha256 if isinstance(finished, Finished) else None

    def _ask(self, request: Request) -> Reply | None:
        """Give the reply, or None if the worker died; on the way the rank is killed if it is time."""
        self._worker.send(request)
        deadline_s = time.monotonic() + _REPLY_WAIT_S
        while time.monotonic() < deadline_s:
            due_s = deadline_s
            if self.kill_after_s is not None:
                due_s = self._began_s + self.kill_after_s
            wait_s = max(due_s - time.monotonic(), 0.0)
            reply = self._worker.wait_reply(wait_s)
            if isinstance(reply, Failed):
                raise RuntimeError(f"{type(request).__name__}: {reply.reason}")
            if reply is not None or self._worker.died is not None:
                return reply
            if self.kill_after_s is not None:
                self.kill_after_s = None
                self.struck_in = type(request).__name__
                self._kill()
        raise RuntimeError(f"{type(request).__name__}: expected an answer in {_REPLY_WAIT_S:g} s, found none")

    def _kill(self) -> None:
        torchrun = self._worker.pid
        assert torchrun is not None
        ranks = Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text().split()
        victim = os.pidfd_open(int(ranks[self.victim]) if len(ranks) == 2 else torchrun)
        signal.pidfd_send_signal(victim, signal.SIGKILL)
        select.select([victim], [], [], _REPLY_WAIT_S)
        os.close(victim)


def _speed_rows() -> list[Row]:
    corpus = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ))
    two = load_recipe("nanogpt").override(f"devices.processes = 2\ntraining.steps = {STEPS}\nguard.level = 'off'")
    one = load_recipe("nanogpt").override(f"execution.threads = 2\ntraining.steps = {STEPS}\nguard.level = 'off'")
    group, lone = _Course(two, corpus), _Course(one, corpus)
    group.run()
    lone.run()
    return [
        Row(
            group=GROUP,
            name=f"training, nanogpt, {STEPS} steps with checkpoints, 2 processes of 1 thread (ddp)",
            value=group.rate_tps,
            unit="tokens/s",
            peer="1 process of 2 threads",
            peer_value=lone.rate_tps,
            ratio=group.rate_tps / lone.rate_tps,
        )
    ]

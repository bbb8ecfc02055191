"""Two processes under torchrun: one of them killed or struck at a random instant, again and again, and what they gain.

The instant of a kill is drawn over the whole life of a launch: while ranks look for each other, in steps, in a
checkpoint, in the evaluation. After each loss a group is launched afresh from the last checkpoint that counts, and is
not disturbed again.

Bits of one rank's memory are struck past the process, anywhere in its weights and moments or in the copies of them that
the guard keeps, at an instant from when there is State to when the job is over. What the guard finds sends the group
back to its checkpoint. ``python -m tools.bench.ranks KILLS STRIKES`` does so many.
"""

import math
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from flight.jobs.corpus import CorpusFile, CorpusSources, find_corpus
from flight.jobs.guard.finding import Finding
from flight.jobs.messages import (
    CheckpointReference,
    Failed,
    FailureKind,
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
from flight.jobs.recipe import GuardLevel, Recipe, load_recipe
from flight.jobs.state import tensor_octets
from flight.jobs.train import TrainJob
from hil.faults.flip import Spread, draw_flip
from hil.faults.process_memory import addresses_of, octets_at, strike_process
from hil.streams import Streams
from tools.bench.row import Row

GROUP = "exact"
SEED = 1337
STEPS, INTERVAL = 200, 20
_KILLS, _CAMPAIGN_KILLS = 3, 20
_STRIKES, _CAMPAIGN_STRIKES = 4, 40
_LAUNCHES_MAX = 5
_NOTHING = "nothing"
_REPLY_WAIT_S = 300.0

_STRATEGIES = {"ddp": 'devices.parallel = "ddp"', "fsdp2": 'devices.parallel = "fsdp2"\nguard.level = "off"'}
_LEVELS = (GuardLevel.STATE, GuardLevel.DOUBLE)

# Of the first weights: enough to know them anywhere in the memory of a rank.
_KNOWN_OCTETS = 4 << 10


def run() -> list[Row]:
    """Kill and strike a few, and measure the speed."""
    return [kill_row(_KILLS), strike_row(_STRIKES), *_speed_rows()]


def campaign() -> list[Row]:
    """Kill and strike as many as the promise says."""
    return [kill_row(_CAMPAIGN_KILLS), strike_row(_CAMPAIGN_STRIKES)]


def kill_row(kills: int) -> Row:
    """Kill one rank of each of some jobs.

    Args:
        kills: How many.
    """
    corpus = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ))
    chance = random.Random(SEED)
    equal = lost = 0
    places: list[str] = []
    undisturbed: dict[str, _Course] = {}
    for number in range(kills):
        strategy = tuple(_STRATEGIES)[number % len(_STRATEGIES)]
        recipe = _recipe(STEPS, _STRATEGIES[strategy])
        if strategy not in undisturbed:
            undisturbed[strategy] = _Course(recipe, corpus)
            undisturbed[strategy].run()
        while True:
            kill = _Kill(after_s=chance.uniform(0.0, undisturbed[strategy].elapsed_s), victim=chance.randrange(2))
            course = _Course(recipe, corpus, kill)
            course.run()
            if course.struck_in != _NOTHING:  # Else the job was faster this time, and over before the instant came.
                break
        equal += course.sha256 == undisturbed[strategy].sha256
        lost += course.launches > 1
        places.append(course.struck_in)
    return Row(
        group=GROUP,
        name=f"2 processes, one killed at a random instant, {kills} times ({lost} launches lost; {_told(places)})",
        value=equal,
        unit="bit-identical",
        target=f"{kills}",
        ok=equal == kills,
    )


def strike_row(strikes: int, steps: int = STEPS, first_seed: int = 0) -> Row:
    """Strike the memory of one rank of each of some jobs.

    Args:
        strikes: How many.
        steps: Of each job.
        first_seed: Of the first strike; each has its own.
    """
    corpus = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ))
    equal = found = lost = 0
    places: list[str] = []
    missed: list[str] = []
    undisturbed: dict[GuardLevel, _Course] = {}
    for number in range(strikes):
        level = _LEVELS[number % len(_LEVELS)]
        recipe = _recipe(steps, f'guard.level = "{level}"')
        if level not in undisturbed:
            undisturbed[level] = _Course(recipe, corpus, steps=steps)
            undisturbed[level].run()
        calm = undisturbed[level]
        chance = Streams(first_seed + number).scoped("ranks").block("strike", 0)
        while True:
            strike = _Strike(chance, calm.elapsed_s - calm.started_after_s)
            course = _Course(recipe, corpus, strike, steps)
            course.run()
            if course.struck_in != _NOTHING:
                break
        if course.sha256 != calm.sha256:
            missed.append(f"seed {first_seed + number}, {strike.told}, in {course.struck_in}")
        equal += course.sha256 == calm.sha256
        found += bool(course.findings)
        lost += course.launches > 1
        places.append(course.struck_in)
    first = f"; first missed: {missed[0]}" if missed else ""
    return Row(
        group=GROUP,
        name=f"2 processes, State of one struck at a random instant, {strikes} times ({found} found, "
        f"{lost} launches lost, the rest overwritten or never used; {_told(places)}){first}",
        value=equal,
        unit="bit-identical",
        target=f"{strikes}",
        ok=equal == strikes,
    )


def _recipe(steps: int, overrides: str) -> Recipe:
    return load_recipe("tiny").override(
        f"devices.processes = 2\ntraining.steps = {steps}\nmodel.dropout = 0.1\n{overrides}"
    )


def _told(places: list[str]) -> str:
    return ", ".join(f"{count} in {each}" for each, count in sorted(Counter(places).items()))


class _Hand(Protocol):
    """What befalls a group once."""

    after_s: float
    """Since the first launch, or since there was State."""
    needs_state: bool
    """Which of the two."""

    def look(self, recipe: Recipe, corpus: CorpusFile, ranks: list[int]) -> None:
        """Look at ranks that have their State and stand still."""
        ...

    def fall(self, torchrun: int, ranks: list[int]) -> None:
        """Let it befall them."""
        ...


@dataclass
class _Kill:
    """A rank is killed; torchrun itself as long as there are no ranks."""

    after_s: float
    victim: int
    needs_state = False

    def look(self, recipe: Recipe, corpus: CorpusFile, ranks: list[int]) -> None:
        """See `_Hand`: there is nothing to know."""

    def fall(self, torchrun: int, ranks: list[int]) -> None:
        """See `_Hand`."""
        victim = os.pidfd_open(ranks[self.victim] if len(ranks) == 2 else torchrun)
        signal.pidfd_send_signal(victim, signal.SIGKILL)
        select.select([victim], [], [], _REPLY_WAIT_S)
        os.close(victim)


class _Strike:
    """Bits flip in the State of a rank, or in a copy of it.

    Args:
        chance: Where everything is drawn from.
        span_s: How long a job goes on from when there is State.
    """

    needs_state = True

    def __init__(self, chance: np.random.Generator, span_s: float) -> None:
        self.after_s = float(chance.uniform(0.0, span_s))
        self._chance = chance
        self._victim = int(chance.integers(2))
        self._known = b""
        self._addresses: list[int] = []
        self._rows = self._row_octets = 0
        self.told = _NOTHING
        """What was struck."""

    def look(self, recipe: Recipe, corpus: CorpusFile, ranks: list[int]) -> None:
        """See `_Hand`: the first weights are known, and in the memory of a rank their moments come after them."""
        twin = TrainJob(recipe.override("devices.processes = 1"), corpus.read_text(), SEED)
        rows_RN = twin.optimizer.blocks[0].rows_RN
        self._rows, self._row_octets = len(rows_RN), rows_RN[0].nbytes
        self._known = bytes(tensor_octets(rows_RN[0])[:_KNOWN_OCTETS])
        self._addresses = addresses_of(ranks[self._victim], self._known)
        assert self._addresses

    def fall(self, torchrun: int, ranks: list[int]) -> None:
        """See `_Hand`."""
        victim = ranks[self._victim]
        # What is still as it was at the start was given back, or is a copy that was not taken anew yet.
        used = [each for each in self._addresses if octets_at(victim, each, _KNOWN_OCTETS) != self._known]
        used = used or self._addresses
        place = int(self._chance.integers(len(used)))
        row = int(self._chance.integers(self._rows))
        flip = draw_flip(self._chance, list(Spread)[int(self._chance.integers(len(Spread)))], self._row_octets)
        strike_process(victim, used[place] + row * self._row_octets, flip)
        self.told = f"rank {self._victim}, place {place} of {len(used)}, row {row}, {flip}"


@dataclass
class _Course:
    """One job from its start to its finish, in as many launches as it takes."""

    recipe: Recipe
    corpus: CorpusFile
    hand: _Hand | None = None
    steps: int = STEPS
    sha256: str = ""
    """Of the weights that it ended with."""
    launches: int = 0
    struck_in: str = _NOTHING
    started_after_s: float = 0.0
    """Since the first launch."""
    elapsed_s: float = 0.0
    rate_tps: float = 0.0
    """Tokens a second, in steps alone."""
    findings: list[Finding] = field(default_factory=list)
    """What those found that ended with it."""
    _began_s: float = 0.0
    _due_s: float = math.inf
    """When it befalls."""
    _checkpoint: CheckpointReference | None = None
    _worker: WorkerProcess = field(init=False)

    def run(self) -> None:
        """Train until it is done."""
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, WorkerProcess(Path(folder) / "store") as worker:
            self._worker = worker
            self._began_s = time.monotonic()
            if self.hand is not None and not self.hand.needs_state:
                self._due_s = self._began_s + self.hand.after_s
            for self.launches in range(1, _LAUNCHES_MAX + 1):
                worker.launch()
                sha256 = self._work()
                if sha256 is not None:
                    self.elapsed_s = time.monotonic() - self._began_s
                    self.sha256 = sha256
                    return
        self.sha256 = f"no end in {_LAUNCHES_MAX} launches"

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
        if self.launches == 1:
            self.started_after_s = time.monotonic() - self._began_s
        if self.hand is not None and self.hand.needs_state:
            self.hand.look(self.recipe, self.corpus, self._ranks())
            self._due_s = time.monotonic() + self.hand.after_s
        began_s, first = time.monotonic(), started.step
        for step in range(started.step, self.steps, INTERVAL):
            if not isinstance(self._ask(Step(INTERVAL)), Stepped):
                return None
            slot = "b" if self._checkpoint is not None and self._checkpoint.slot == "a" else "a"
            parent = self._checkpoint.sha256 if self._checkpoint is not None else ""
            if step + INTERVAL < self.steps:
                self._ask(Save(slot, parent))
                saved = self._ask(Join())
                if not isinstance(saved, Saved):
                    return None
                self._checkpoint = CheckpointReference(slot=slot, step=saved.step, sha256=saved.sha256)
        self.rate_tps = (self.steps - first) * started.tokens_per_step / (time.monotonic() - began_s)
        finished = self._ask(Finish())
        return finished.weights_sha256 if isinstance(finished, Finished) else None

    def _ask(self, request: Request) -> Reply | None:
        """Give the reply, or None if the worker died or gave up; on the way something befalls it if it is time."""
        self._worker.send(request)
        deadline_s = time.monotonic() + _REPLY_WAIT_S
        while time.monotonic() < deadline_s:
            due_s = min(deadline_s, self._due_s)
            reply = self._worker.wait_reply(max(due_s - time.monotonic(), 0.0))
            if isinstance(reply, Failed):
                if reply.kind is not FailureKind.LOST:
                    raise RuntimeError(f"{type(request).__name__}: {reply.reason}")
                self.findings += reply.findings
                return None
            if reply is not None or self._worker.died is not None:
                return reply
            if self.hand is not None and due_s < deadline_s:
                hand, self.hand, self._due_s = self.hand, None, math.inf
                torchrun = self._worker.pid
                assert torchrun is not None
                hand.fall(torchrun, self._ranks())
                self.struck_in = type(request).__name__
        raise RuntimeError(f"{type(request).__name__}: expected an answer in {_REPLY_WAIT_S:g} s, found none")

    def _ranks(self) -> list[int]:
        """Process ids of the ranks, rank 0 first."""
        torchrun = self._worker.pid
        assert torchrun is not None
        return [int(pid) for pid in Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text().split()]


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


if __name__ == "__main__":
    kills, strikes = map(int, sys.argv[1:])
    for row in (*([kill_row(kills)] if kills else []), *([strike_row(strikes)] if strikes else [])):
        print(f"{row.name}: {row.value:g} {row.unit}")

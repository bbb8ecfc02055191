"""Kills -9 of the worker or of the process that looks after it, at random instants, until the job has ended.

The board is a process of its own (``python -m tools.bench.kills FOLDER CORPUS``): ledger, engine and the real worker
process, without a link. It writes down each reply, so that what a kill cost can be told: the steps that were done and
had to be done again. A step is taken for lost that was done after the checkpoint that the next worker went on from.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from flight.books.jobs import JobSubmitted
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile, CorpusSources, find_corpus
from flight.jobs.engine import Engine, EngineConfig
from flight.jobs.messages import Saved, Saving, Started, Stepped
from flight.jobs.process import WorkerProcess
from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from flight.jobs.supervision import SupervisionConfig
from flight.ledger import Ledger
from flight.reporter import Reporter
from mission.definition import DICTIONARY
from mission.jobs import ENDED_STATES
from tools.bench.row import Row

KILLS = 200
KILLS_IN_A_RUN = 5
CHECKPOINT_INTERVAL = 50
SEED = 5

# From when the worker has opened the job until the kill, uniformly: some hundred steps and several checkpoints.
KILL_WITHIN_S = 1.0

_OVERRIDES = (
    f"training.steps = 1000\ntraining.evaluation_interval = 1000\ntraining.checkpoint_interval = {CHECKPOINT_INTERVAL}"
)
_LOG = "replies.jsonl"
_REPLY_WAIT_S = 120.0
_POLL_S = 0.01


def run() -> list[Row]:
    """Measure a few."""
    return _measure(KILLS_IN_A_RUN)


def campaign() -> list[Row]:
    """Measure all."""
    return _measure(KILLS)


def _measure(kills: int) -> list[Row]:
    chance = random.Random(kills)
    with tempfile.TemporaryDirectory() as directory:
        corpus_path = Path(directory) / "text.txt"
        corpus_path.write_text("".join(f"line {number}: {number * 7919 % 1009}\n" for number in range(2_000)))
        expected = run_reference(load_recipe("tiny").override(_OVERRIDES), corpus_of(corpus_path), SEED)
        losses: list[int] = []
        differing = jobs = inside = 0
        while len(losses) < kills:
            jobs += 1
            folder = Path(directory) / f"{jobs}"
            digest, lost, struck_inside = strike(folder, corpus_path, chance, kills - len(losses))
            differing += digest != expected.weights_sha256
            losses += lost
            inside += struck_inside
    name = f"{len(losses)} kills -9 of worker or board, {inside} inside checkpoint writing, {jobs} jobs"
    return [
        Row(
            group="exact",
            name=f"{name}: jobs with other weights",
            value=differing,
            unit="jobs",
            target="0",
            ok=not differing,
        ),
        Row(
            group="exact",
            name=f"the same: most steps lost at once, checkpoints every {CHECKPOINT_INTERVAL} steps",
            value=max(losses),
            unit="steps",
            target=f"<= {CHECKPOINT_INTERVAL} and what was done while one was written",
        ),
    ]


def strike(folder: Path, corpus: Path, chance: random.Random, kills_max: int) -> tuple[str, list[int], int]:
    """Run one job to its end, killing as long as kills are left.

    Returns:
        The digest of its weights, the steps that each kill cost, and how many kills came inside checkpoint writing.
    """
    folder.mkdir()
    log = folder / _LOG
    log.touch()
    lost: list[int] = []
    done: int | None = None
    inside = read = 0
    board = _board(folder, corpus)
    try:
        while (started := _wait_started(log, read, board)) is not None:
            read, step = started
            if done is not None:
                lost.append(done - step)
                done = None
            if len(lost) >= kills_max:
                board.wait(_REPLY_WAIT_S)
                break
            time.sleep(chance.uniform(0, KILL_WITHIN_S))
            victim = board.pid if chance.random() < 0.5 else _worker_of(board.pid)
            if victim is None or board.poll() is not None:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            if victim == board.pid:
                board.wait()
            entries = _entries(log)
            done = max((entry["step"] for entry in entries[read:] if entry["type"] == "Stepped"), default=step)
            inside += _is_writing(entries)
            read = len(entries)
            if victim == board.pid:
                board = _board(folder, corpus)
    finally:
        board.kill()
        board.wait()
    job = Ledger(RealDisk(folder)).jobs[1]
    if done is not None:
        lost.append(0)  # It came when the job was at its end.
    digest = job.finished.weights_sha256.hex() if job.finished is not None else f"{job.state.name}: {job.reason}"
    return digest, lost, inside


def corpus_of(path: Path) -> CorpusFile:
    """Give a text file as a corpus."""
    return find_corpus(str(path), CorpusSources(cache_directory=path.parent))


def main(folder: Path, corpus_path: Path) -> None:
    """Be the board, until the job has ended."""
    disk = RealDisk(folder)
    ledger = Ledger(disk)
    reporter = Reporter(DICTIONARY)
    supervision = SupervisionConfig(backoff_ns=1, restarts_max=KILLS)
    with WorkerProcess(folder) as worker, (folder / _LOG).open("a") as log:
        engine = Engine(
            EngineConfig(supervision=supervision), ledger, worker, reporter, {"text": corpus_of(corpus_path)}, disk
        )
        engine.boot(time.monotonic_ns())
        ledger.commit(*engine.queue.submit(JobSubmitted(1, "tiny", "text", SEED, 0, _OVERRIDES)))
        while ledger.jobs[1].state not in ENDED_STATES:
            engine.advance(time.monotonic_ns())
            reply = worker.wait_reply(_REPLY_WAIT_S) if worker.pid else None
            if reply is None:
                engine.lost(worker.died or "no answer", time.monotonic_ns())
                continue
            if isinstance(reply, Started | Stepped | Saving | Saved):
                log.write(json.dumps({"type": type(reply).__name__, "step": reply.step}) + "\n")
                log.flush()
            engine.reply(reply, time.monotonic_ns())
            reporter.take()


def _board(folder: Path, corpus: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tools.bench.kills", str(folder), str(corpus)])


def _worker_of(board: int) -> int | None:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{board}/task/{board}/children").read_text().split()
        return int(children[0]) if children else None
    return None


def _entries(log: Path) -> list[dict[str, Any]]:
    """Give what was written down; a last line that a kill cut off does not count."""
    return [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("}\n")]


def _is_writing(entries: list[dict[str, Any]]) -> bool:
    of_checkpoints = [entry["type"] for entry in entries if entry["type"] in ("Started", "Saving", "Saved")]
    return bool(of_checkpoints) and of_checkpoints[-1] == "Saving"


def _wait_started(log: Path, read: int, board: subprocess.Popen[bytes]) -> tuple[int, int] | None:
    """Wait until a worker has opened the job; give how much of the log is read then, and the step. None at the end."""
    while True:
        has_ended = board.poll() is not None
        entries = _entries(log)
        for number, entry in enumerate(entries[read:], read):
            if entry["type"] == "Started":
                return number + 1, entry["step"]
        if has_ended:
            return None
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

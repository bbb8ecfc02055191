"""The worker as a real child process: killed, crashed, orphaned, and always replaced without a trace in the result."""

import os
import select
import signal
import socket
import subprocess
import sys

import msgspec
import pytest

from ccsds.errors import MisuseError
from flight.jobs.messages import (
    CheckpointReference,
    Failed,
    Finish,
    Finished,
    Join,
    Sampled,
    Save,
    Saved,
    Start,
    Started,
    Step,
    Stepped,
    encode,
)
from flight.jobs.process import WorkerProcess
from flight.jobs.train import TrainJob

SEED = 1337

# Long enough for a loaded machine to import torch; a test that passes never waits for it.
TIMEOUT_S = 120.0


@pytest.fixture
def start(recipe, corpus):
    return Start(
        job_id=7, recipe=recipe.to_toml(), corpus_path=str(corpus.path), corpus_sha256=corpus.sha256, seed=SEED
    )


def ask(worker, request):
    worker.send(request)
    reply = worker.wait_reply(TIMEOUT_S)
    assert reply is not None, worker.died
    return reply


def test_a_job_killed_half_way_ends_with_the_weights_of_one_that_was_not(tmp_path, start, recipe, text):
    straight = TrainJob(recipe, text, SEED)
    for _ in range(30):
        straight.step()

    with WorkerProcess(tmp_path / "store") as worker:
        worker.launch()
        failed = ask(worker, msgspec.structs.replace(start, corpus_sha256="00" * 32))
        assert isinstance(failed, Failed)  # A failure in a job is a reply; the worker lives.
        assert isinstance(ask(worker, start), Started)
        assert isinstance(ask(worker, Step(15)), Stepped)
        ask(worker, Save("a"))
        saved = ask(worker, Join())
        assert isinstance(saved, Saved)
        worker.send(Step(15))
        worker.send(Save("b"))
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)  # Somewhere in these steps, or in writing the other slot.
        while worker.wait_reply(TIMEOUT_S) is not None:
            pass
        assert worker.died == "worker killed by SIGKILL"
        worker.send(Step(1))  # Nobody hears it, and nothing is raised.

        worker.launch()
        assert worker.died is None
        reference = CheckpointReference(slot=saved.slot, step=saved.step, sha256=saved.sha256)
        started = ask(worker, msgspec.structs.replace(start, checkpoint=reference))
        assert isinstance(started, Started)
        assert started.step == 15
        worker.send(Step(10))
        worker.send(Step(5))
        poll = select.poll()
        poll.register(worker.fileno(), select.POLLIN)
        replies = []
        while len(replies) < 2:
            assert poll.poll(TIMEOUT_S * 1000)
            replies += worker.read_replies()
        assert [reply.step for reply in replies] == [25, 30]
        finished = ask(worker, Finish())
        assert isinstance(finished, Finished)
        assert finished.weights_sha256 == straight.weights_sha256()
        assert (tmp_path / "store" / finished.path).stat().st_size == finished.length_octets


def test_a_worker_that_crashes_leaves_its_last_words(tmp_path):
    (tmp_path / "store").write_bytes(b"not a directory")
    with WorkerProcess(tmp_path / "store") as worker:
        worker.launch()
        assert worker.wait_reply(TIMEOUT_S) is None
        assert worker.died is not None
        assert worker.died.startswith("worker ended with exit status 1: ")
        assert "expected a directory, found a file" in worker.died
        assert worker.read_replies() == []
        assert select.select([worker], [], [], 0)[0] == []  # A loop that watches it is not called again and again.
        worker.kill()
        assert (worker.pid, worker.died) == (None, None)


def test_a_worker_killed_on_purpose_is_gone_and_not_mourned(tmp_path):
    worker = WorkerProcess(tmp_path / "store")
    worker.launch()
    process = os.pidfd_open(worker.pid)
    worker.kill()
    assert select.select([process], [], [], 0)[0] == [process]
    os.close(process)
    assert (worker.died, worker.pid, worker.read_replies()) == (None, None, [])
    for misuse in (worker.fileno, lambda: worker.send(Step(1))):
        with pytest.raises(MisuseError, match="expected a launched child, found none"):
            misuse()


def test_a_wait_has_an_end(tmp_path):
    with WorkerProcess(tmp_path / "store") as worker:
        worker.launch()
        assert worker.wait_reply(0.01) is None
        assert worker.died is None


ORPHANER = """
import sys
from pathlib import Path
import msgspec
from flight.jobs.messages import Start, Step
from flight.jobs.process import WorkerProcess
start = msgspec.json.decode(sys.argv[2], type=Start)
worker = WorkerProcess(Path(sys.argv[1]))
worker.launch()
worker.send(start)
print(worker.wait_reply(120), flush=True)
worker.send(Step(10_000_000))
print(worker.pid, flush=True)
sys.stdin.read()
"""


def test_a_worker_does_not_outlive_its_parent(tmp_path, start, recipe):
    """The parent is killed while the child is busy with more steps than it could do in an hour."""
    endless = msgspec.structs.replace(start, recipe=recipe.override("training.steps = 10_000_000").to_toml())
    command = [sys.executable, "-c", ORPHANER, str(tmp_path / "store"), msgspec.json.encode(endless).decode()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith("Started(")
        child = os.pidfd_open(int(parent.stdout.readline()))
        assert select.select([child], [], [], 0)[0] == []
        parent.kill()
        assert select.select([child], [], [], TIMEOUT_S)[0] == [child]
        os.close(child)


CHATTY = """
import os, sys
import flight.jobs.worker as worker
class Chatty(worker.Worker):
    def answer(self, request):
        print("progress: 100 %", flush=True)
        os.system("echo warning")
        return worker.Sampled("x")
worker.Worker = Chatty
sys.argv = ["worker", "--store", sys.argv[1]]
worker.main()
"""


def test_what_a_library_prints_does_not_get_into_the_channel(tmp_path):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-c", CHATTY, str(tmp_path / "store")]
        with subprocess.Popen(
            command, stdin=theirs.fileno(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            theirs.close()
            ours.sendall(encode(Step(1)))
            ours.shutdown(socket.SHUT_WR)
            received = b""
            while data := ours.recv(1 << 16):
                received += data
            out, err = child.communicate(timeout=TIMEOUT_S)
    assert received == encode(Sampled("x"))
    assert (out, child.returncode) == ("", 0)
    assert err == "progress: 100 %\nwarning\n"


def test_started_by_hand_it_says_who_starts_it(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "flight.jobs.worker", "--store", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "flight.jobs.worker: expected a socket as standard input: it is started by `flight`, not by hand"
    )

"""The worker with a hand in it: each strike falls in a step, or is given back to be drawn anew for a later one."""

import hashlib
import socket
import threading

import msgspec
import pytest

from flight.disk import RealDisk
from flight.jobs.messages import Failed, Start, Started, Step, Stepped, encode
from flight.jobs.recipe import load_recipe
from hil.faults.flip import Spread
from hil.faults.instant import Operators, Profile
from hil.faults.part import Part
from hil.faults.strike import FlipStrike, StrikeMissed
from hil.faults.struck_worker import StruckWorker, profile_of, serve, set_strike
from hil.worker.virtual_worker import struck_reply_stream

STRIKE = FlipStrike(part=Part.WEIGHTS, spread=Spread.BIT, seed=4)
OTHER = FlipStrike(part=Part.WEIGHTS, spread=Spread.BIT, seed=5)
# An instant that comes in no step.
NEVER = Profile(durations_ns=(1,) * 10**7)


@pytest.fixture
def worker(tmp_path):
    return StruckWorker(RealDisk(tmp_path / "store"))


@pytest.fixture
def start(tmp_path):
    text = "".join(f"line {number}: {number * 7919 % 1009}\n" for number in range(500)).encode()
    path = tmp_path / "verses.txt"
    path.write_bytes(text)
    recipe = load_recipe("tiny").override("model.layers = 1\nmodel.width = 16")
    digest = hashlib.sha256(text).hexdigest()
    return Start(job_id=1, recipe=recipe.to_toml(), corpus_path=str(path), corpus_sha256=digest, seed=5)


def step(worker):
    """Have a step done, and give what was found in it."""
    reply = worker.answer(Step(1))
    assert isinstance(reply, Stepped)
    return [finding.where for finding in reply.findings]


def test_a_strike_falls_in_the_next_step(worker, start):
    assert isinstance(worker.answer(start), Started)
    assert step(worker) == []
    worker.strike_next(STRIKE)
    assert len(step(worker) + step(worker)) == 1
    assert worker.take_missed() == []


def test_of_two_strikes_each_falls(worker, start):
    worker.answer(start)
    worker.strike_next(STRIKE)
    worker.strike_next(OTHER)
    assert len([*step(worker), *step(worker), *step(worker)]) == 2
    assert worker.take_missed() == []


def test_a_strike_that_does_not_fall_is_given_back_once_as_another_try(worker, start):
    worker.answer(start)
    worker._profile = NEVER
    worker.strike_next(STRIKE)
    assert step(worker) == []
    assert worker.take_missed() == [StrikeMissed(strike=msgspec.structs.replace(STRIKE, tries=1))]
    assert step(worker) == []
    assert worker.take_missed() == []


def test_a_strike_does_not_fall_where_no_job_is_open(worker):
    worker.strike_next(STRIKE)
    assert isinstance(worker.answer(Step(1)), Failed)
    assert worker.take_missed() == [StrikeMissed(strike=msgspec.structs.replace(STRIKE, tries=1))]


def test_each_try_is_drawn_anew_and_alike_in_equal_runs(worker, start):
    worker.answer(start)
    guarded = worker._open.guarded
    profile = profile_of(guarded)

    def drawn(tries):
        operators = Operators()
        set_strike(operators, guarded, msgspec.structs.replace(STRIKE, tries=tries), profile)
        return list(operators._due)

    instants = [drawn(tries) for tries in range(5)]
    assert len({tuple(each) for each in instants}) > 1
    assert instants == [drawn(tries) for tries in range(5)]


def test_over_the_channel_a_strike_that_did_not_fall_is_told_before_its_step(worker, start):
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(theirs, worker))
    thread.start()
    stream = struck_reply_stream()

    def told(count):
        replies = []
        while len(replies) < count:
            replies += stream.receive(ours.recv(1 << 16))
        return replies

    ours.sendall(encode(start))
    assert [type(each) for each in told(1)] == [Started]
    worker._profile = NEVER
    ours.sendall(encode(STRIKE) + encode(Step(1)))
    assert [type(each) for each in told(2)] == [StrikeMissed, Stepped]
    ours.sendall(encode(Step(1)))
    assert [type(each) for each in told(1)] == [Stepped]
    ours.close()
    thread.join()
    theirs.close()

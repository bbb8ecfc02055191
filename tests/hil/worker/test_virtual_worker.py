"""The worker under virtual time: a checkpoint is done when its declared duration is over, however fast the process."""

from collections import deque

import pytest

from flight.jobs.messages import Collect, Join, Save, Saved, Saving, Step, Stepped
from hil.faults.flip import Spread
from hil.faults.part import Part
from hil.faults.strike import FlipStrike, StarveStrike, StrikeMissed
from hil.scenario.spacecraft import WorkDurations
from hil.worker.virtual_worker import VirtualWorker

MS = 1_000_000
STRIKE = FlipStrike(part=Part.WEIGHTS, spread=Spread.BIT, seed=4)
ANEW = FlipStrike(part=Part.WEIGHTS, spread=Spread.BIT, seed=4, tries=1)
SAVING = Saving(step=5)
SAVED = Saved(step=5, slot="a", sha256="ab" * 32, length_octets=9, written_octets=9)


class Process:
    """A process that has answered before it is asked for the answer; a checkpoint is written at once."""

    is_running = True
    died = None

    def __init__(self):
        self.requests = []
        self._replies = deque()

    def launch(self):
        pass

    def send(self, request):
        self.requests.append(request)
        match request:
            case Save():
                self._replies.append(SAVING)
            case Collect() | Join():
                self._replies.append(SAVED)
            case FlipStrike(tries=0):
                self._replies.append(StrikeMissed(strike=ANEW))
            case Step():
                self._replies.append(Stepped(step=6, loss=1.0, gradient_norm=1.0, learning_rate=1.0))

    def wait_reply(self, timeout_s):
        return self._replies.popleft()


@pytest.fixture
def worker():
    worker = VirtualWorker(Process(), WorkDurations(step_s=0.01, copy_s=0.02, save_s=0.1))
    worker.launch()
    return worker


def course(worker, *requests):
    """Send requests, each when the reply to the one before is there; give the replies with their times in ms."""
    replies = []
    for request in requests:
        worker.send(request)
        worker.now_ns = worker.next_deadline()
        replies.append((worker.now_ns // MS, type(worker.reply(worker.now_ns))))
    return replies


def test_training_waits_for_the_copy_alone_and_the_checkpoint_is_done_in_its_time(worker):
    assert course(worker, Save("a"), Step(1), Collect(), Step(7), Collect()) == [
        (20, Saving), (30, Stepped), (30, Saving), (100, Stepped), (100, Saved),
    ]  # fmt: skip


def test_whoever_joins_waits_until_it_is_done(worker):
    assert course(worker, Save("a"), Step(1), Join()) == [(20, Saving), (30, Stepped), (100, Saved)]


def test_the_process_is_asked_only_once_it_is_done_and_then_waited_for(worker):
    course(worker, Save("a"), Step(1), Collect(), Step(7), Collect())
    assert [type(each) for each in worker._process.requests] == [Save, Step, Step, Join]


def test_a_strike_befalls_the_next_step_and_goes_with_the_process_that_it_was_for(worker):
    worker.strike(StarveStrike())
    worker.send(Step(1))
    worker.strike(StarveStrike())
    worker.launch()
    worker.send(Step(1))
    assert [type(request) for request in worker._process.requests] == [StarveStrike, Step, Step]


def test_a_strike_that_did_not_fall_befalls_the_step_after(worker):
    worker.strike(STRIKE)
    worker.strike(StarveStrike())
    assert course(worker, Step(1), Step(1), Step(1)) == [(10, Stepped), (20, Stepped), (30, Stepped)]
    assert worker._process.requests == [STRIKE, Step(1), ANEW, Step(1), StarveStrike(), Step(1)]


def test_a_strike_in_whose_time_no_step_came_is_told():
    told = []
    worker = VirtualWorker(Process(), WorkDurations(), tell_idle=lambda strike: told.append(str(strike)))
    worker.launch()
    worker.strike(STRIKE)
    worker.strike(StarveStrike())
    worker.send(Step(1))
    worker.launch()
    assert told == ["the worker gets no more memory"]
    worker.strike(STRIKE)
    worker.drop_strikes()
    worker.drop_strikes()
    assert told == ["the worker gets no more memory", "a bit flips in weights"]

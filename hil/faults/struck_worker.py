"""The worker with a hand in it: ``python -m hil.faults.struck_worker --store DIR``, for runs in virtual time.

It answers as `flight.jobs.worker` does. Between the requests may come strikes, of which each befalls a step of its own.
A strike is part of the same stream, so that it falls into the same step however fast the process is. One that does not
fall in its step is given back before the reply to that.
"""

import argparse
import socket
from collections import deque
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ccsds.errors import MisuseError
from flight.disk import Disk, RealDisk
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.messages import MessageStream, Reply, Request, Start, Step, encode
from flight.jobs.parent import end_with_parent
from flight.jobs.worker import RECEIVE_OCTETS, Worker, take_channel
from hil.faults.instant import Operators, Profile
from hil.faults.part import Part
from hil.faults.place import draw_memory_strike, strike_memory, strike_outcome
from hil.faults.strike import FlipStrike, StarveStrike, Strike, StrikeMissed
from hil.streams import Streams

# More than any computer has.
_ALL_MEMORY_OCTETS = 1 << 60


class StruckWorker(Worker):
    """A worker that is struck when it is told so; see `flight.jobs.worker.Worker`."""

    def __init__(self, disk: Disk, thread: Executor | None = None) -> None:
        super().__init__(disk, thread)
        self._strikes: deque[Strike] = deque()
        """What befalls the next steps, one each."""
        self._missed: list[StrikeMissed] = []
        self._profile: Profile | None = None
        """Of a step of the job that is open."""

    def strike_next(self, strike: Strike) -> None:
        """Let something befall the next step that nothing else befalls."""
        self._strikes.append(strike)

    def take_missed(self) -> list[StrikeMissed]:
        """Give the strikes that did not fall in the step that was theirs, since the last call."""
        missed, self._missed = self._missed, []
        return missed

    def answer(self, request: Request) -> Reply:
        """See `flight.jobs.worker.Worker.answer`."""
        if isinstance(request, Start):
            self._profile = None
        if not self._strikes or not isinstance(request, Step):
            return super().answer(request)
        strike = self._strikes.popleft()
        if self._open is None:
            self._miss(strike)
            return super().answer(request)
        match strike:
            case FlipStrike():
                if self._profile is None:
                    self._profile = profile_of(self._open.guarded)
                with Operators() as operators:
                    # In the first step of the request: the others may be of another length.
                    set_strike(operators, self._open.guarded, strike, self._profile)
                    reply = super().answer(request)
                if not operators.is_over:
                    self._miss(strike)
                return reply
            case StarveStrike():
                with _Starved():
                    return super().answer(request)

    def _miss(self, strike: Strike) -> None:
        if isinstance(strike, FlipStrike):
            strike = msgspec.structs.replace(strike, tries=strike.tries + 1)
        self._missed.append(StrikeMissed(strike=strike))


def profile_of(guarded: GuardedJob) -> Profile:
    """Do a step, take it back, and give its operators; what is done after it comes out as if it had not been done."""
    job = guarded.job
    before = job.state().clone()
    with Operators() as operators:
        job.step()
    job.load(before)
    return operators.profile


def set_strike(operators: Operators, guarded: GuardedJob, strike: FlipStrike, profile: Profile) -> None:
    """Draw the place and the instant of a strike, and let it happen then.

    Raises:
        MisuseError: The job is not on the processor.
    """
    device = guarded.job.device
    if device.type != "cpu":
        raise MisuseError(f"flip: expected a job on the processor, whose memory a hand reaches, found one on {device}")
    chance = Streams(strike.seed).block("strike", strike.tries)
    operator = profile.draw(chance)
    if strike.part is Part.ACTIVATIONS:
        operators.after(operator, lambda result: bool(strike_outcome(result, chance, strike.spread)))
        return
    drawn = draw_memory_strike(chance, guarded, strike.part, strike.spread)
    operators.after(operator, lambda _: strike_memory(guarded, drawn))


class _Starved(TorchDispatchMode):
    """Has the system refuse memory at each operator, in the system's own words."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        torch.empty(_ALL_MEMORY_OCTETS, dtype=torch.uint8)
        return func(*args, **(kwargs or {}))


def serve(channel: socket.socket, worker: StruckWorker) -> None:
    """Answer requests, and take strikes, until the other end closes the channel.

    Raises:
        MalformedError: The other end is not an engine.
    """
    stream: MessageStream[Request | Strike] = MessageStream(msgspec.msgpack.Decoder(Request | Strike))
    while data := channel.recv(RECEIVE_OCTETS):
        for message in stream.receive(data):
            if isinstance(message, FlipStrike | StarveStrike):
                worker.strike_next(message)
            else:
                reply = worker.answer(message)
                for each in (*worker.take_missed(), reply):
                    channel.sendall(encode(each))


def main() -> None:
    """Run the worker until its parent is done with it."""
    parser = argparse.ArgumentParser(prog="python -m hil.faults.struck_worker", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="directory of the spacecraft's store")
    arguments = parser.parse_args()
    end_with_parent()
    serve(take_channel(), StruckWorker(RealDisk(arguments.store)))


if __name__ == "__main__":
    main()

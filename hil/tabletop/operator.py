"""A spacecraft on the table, and an operator beside it: commands by name, answers in plain words, no link between.

For tests and campaigns of what the spacecraft does on its own. Unless it is given a hand, its worker takes requests and
never answers, so a job starts and gets no further. Time goes on only in `run`.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from ccsds.cltu import cltu_encode
from ccsds.errors import MisuseError
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.tc_frame import TcFrame, TcFrameKind
from flight.disk import Disk
from flight.events import ResetDue
from flight.jobs.corpus import CorpusFile, Origin
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from ground.downlink import Downlink, Item, Verified
from ground.events import EventReported, FrameReceived, ReportReceived
from hil.worker.virtual_worker import Hand
from mission.channels import SPACECRAFT_ID, Apid
from mission.channels import Downlink as VirtualChannel
from mission.definition import DICTIONARY
from mission.failures import FailureCode
from mission.modes import Mode
from mission.profiles import Contact, find_profile

NS_PER_S = 1_000_000_000
SOURCE_ID = 9

_CORPUS = CorpusFile(name="text", path=Path("text"), sha256="cd" * 32, length_octets=9, origin=Origin.PATH, notice="")
_FAILED = {VerificationStage.ACCEPTANCE_FAILED, VerificationStage.START_FAILED, VerificationStage.COMPLETION_FAILED}


class IdleWorker:
    """A `flight.jobs.worker_port.WorkerPort` that takes requests and never answers."""

    def __init__(self) -> None:
        self.is_alive = False
        self.waiting = 0
        """Requests that will be answered and are not yet."""

    def launch(self) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""
        self.is_alive = True

    def send(self, request: msgspec.Struct) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""

    def memory_octets(self) -> int:
        """See `flight.jobs.worker_port.WorkerPort`."""
        return 0

    def kill(self) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""
        self.is_alive = False


class HandWorker(IdleWorker):
    """A `flight.jobs.worker_port.WorkerPort` whose hand takes a second for everything.

    Args:
        hand: Who does the work.
    """

    def __init__(self, hand: Hand) -> None:
        super().__init__()
        self.hand = hand

    def launch(self) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""
        super().launch()
        self.waiting = 0
        self.hand.launch()

    def send(self, request: msgspec.Struct) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""
        self.waiting += 1
        self.hand.send(request)

    def kill(self) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""
        super().kill()
        self.waiting = 0
        self.hand.kill()


class Operator:
    """Has a spacecraft, and starts it as often as needed; its commands count on over the starts.

    Args:
        disk: The store.
        make_hand: Makes who does the work of jobs; nobody, if it is not given.
        make_model_hand: Makes who serves models; nobody, if it is not given.
        config: Fields of `SpacecraftConfig` that differ from its defaults.
    """

    def __init__(
        self,
        disk: Disk,
        make_hand: Callable[[Disk], Hand] | None = None,
        make_model_hand: Callable[[Disk], Hand] | None = None,
        **config: Any,
    ) -> None:
        self.disk = disk
        self._make_hand = make_hand
        self._make_model_hand = make_model_hand
        # On the table nothing is between the two: the spacecraft is told of contact.
        profile = replace(find_profile("serial"), contact=Contact.MODEM)
        self.config = SpacecraftConfig(profile=profile, tai_offset_ns=10**18, **config)
        self.sequence_count = 0
        self.now_ns = 0
        self.events: list[EventReported] = []
        """Everything that was announced, over all starts."""
        self.reports: list[ReportReceived] = []
        self.refusal = ""
        """Why the latest command that failed did."""
        self.resets: list[str] = []
        """Resets that the spacecraft has asked for."""
        self.boot()

    def boot(self) -> None:
        """Start the flight software, as after a kill."""
        self.worker = IdleWorker() if self._make_hand is None else HandWorker(self._make_hand(self.disk))
        make = self._make_model_hand
        self.model_worker = IdleWorker() if make is None else HandWorker(make(self.disk))
        self._ground = Downlink(self.config.profile, DICTIONARY)
        self.spacecraft = Spacecraft(
            self.config, self.disk, self.worker, {"text": _CORPUS}, self.now_ns, model_worker=self.model_worker
        )
        self.spacecraft.contact(True, self.now_ns)
        self.spacecraft.advance(self.now_ns)
        self.hear()

    def run(self, seconds: float) -> None:
        """Let time pass out of contact, doing what is due when it is due; then hear what was said."""
        self.spacecraft.contact(False, self.now_ns)
        end_ns = self.now_ns + round(seconds * NS_PER_S)
        while self.now_ns < end_ns:
            due_ns = self.spacecraft.next_deadline()
            if self.worker.waiting or self.model_worker.waiting:
                due_ns = self.now_ns + NS_PER_S if due_ns is None else min(due_ns, self.now_ns + NS_PER_S)
            before_ns = self.now_ns
            self.now_ns = end_ns if due_ns is None else min(max(due_ns, self.now_ns), end_ns)
            if self.now_ns > before_ns:
                self._work()
            self.spacecraft.advance(self.now_ns)
        self.spacecraft.contact(True, self.now_ns)
        self.hear()

    def wait(self, duration_ns: int) -> None:
        """Let a short time pass in contact."""
        self.now_ns += duration_ns
        self._work()
        self.spacecraft.advance(self.now_ns)

    def _work(self) -> None:
        """Hand over one reply of each worker that has one."""
        for worker in (self.worker, self.model_worker):
            if not isinstance(worker, HandWorker) or not worker.waiting:
                continue
            reply: Any = worker.hand.wait_reply(0)
            worker.waiting -= 1
            if reply is None:
                continue
            if worker is self.worker:
                self.spacecraft.worker_replied(reply, self.now_ns)
            else:
                self.spacecraft.model_worker_replied(reply, self.now_ns)

    def command(self, name: str, /, **arguments: Any) -> FailureCode | None:
        """Send a command; give the code with which it failed, or None if it completed."""
        declared = DICTIONARY.command(name)
        data = declared.arguments.encode(arguments)
        self.sequence_count += 1
        packet = Telecommand(
            Apid.CORE, self.sequence_count, declared.service, declared.subtype, SOURCE_ID, data=data
        ).encode()
        return self.send(packet)

    def send(self, packet: bytes) -> FailureCode | None:
        """Send a packet; see `command`.

        Raises:
            MisuseError: Nothing answered it.
        """
        frame = TcFrame(TcFrameKind.BD, SPACECRAFT_ID, 0, 0, packet)
        self.spacecraft.receive(cltu_encode(frame.encode()), self.now_ns)
        reports: list[VerificationReport] = [item.report for item in self.hear() if isinstance(item, Verified)]
        if not reports:
            raise MisuseError("expected an answer to the telecommand, found silence")
        self.spacecraft.advance(self.now_ns)
        self.hear()
        failed = [report for report in reports if report.stage in _FAILED]
        if not failed:
            return None
        self.refusal = failed[0].failure_text
        return FailureCode(failed[0].failure_code or 0)

    def arm(self, name: str) -> None:
        """Arm a hazardous command."""
        declared = DICTIONARY.command(name)
        self.command("command.arm", service=declared.service, subtype=declared.subtype)

    def hear(self) -> list[Item]:
        """Take what comes down live; what was stored is played back after it, and left for who asks for it."""
        items: list[Item] = []
        is_live = True
        while is_live and (octets := self.spacecraft.transmit(self.now_ns)) is not None:
            came = self._take(octets)
            frames = [item for item in came if isinstance(item, FrameReceived)]
            is_live = all(frame.virtual_channel == VirtualChannel.LIVE for frame in frames)
            items += came
        self._note(items)
        return items

    def listen(self, frames_max: int) -> list[Item]:
        """Take what comes down on whatever channel, so many frames at most."""
        items: list[Item] = []
        for _ in range(frames_max):
            octets = self.spacecraft.transmit(self.now_ns)
            if octets is None:
                break
            items += self._take(octets)
        self._note(items)
        return items

    def _take(self, octets: bytes) -> list[Item]:
        self._ground.receive(octets, self.now_ns)
        return self._ground.take()

    def _note(self, items: list[Item]) -> None:
        self.events += [item for item in items if isinstance(item, EventReported)]
        self.reports += [item for item in items if isinstance(item, ReportReceived)]
        self.resets += [event.reason for event in self.spacecraft.take_events() if isinstance(event, ResetDue)]

    def heard(self, name: str) -> list[dict[str, Any]]:
        """Give what was said under a name, be it an event or a report."""
        return [item.values for item in (*self.events, *self.reports) if item.name == name]

    @property
    def mode(self) -> Mode:
        """The mode that the spacecraft is in."""
        return self.spacecraft.mode

    def job(self, job_id: int) -> tuple[str, str]:
        """Give the state of a job, and what holds it."""
        self.command("job.report", job_id=job_id)
        report = self.heard("job_report")[-1]
        return report["state"].name, report["pause_cause"].name

"""What both ends of a CFDP transaction share: directives that are due, faults and their handlers, standing still.

A `Sender` or a `Receiver` is one; what it does on each of these is its own.

Source: CCSDS 727.0-B-5 4.6.6, 4.8, 4.11.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from ccsds.cfdp.codes import ConditionCode, DirectiveCode, HandlerCode, TransmissionMode
from ccsds.cfdp.contact_clock import RepeatTimer
from ccsds.cfdp.directives import Directive
from ccsds.cfdp.events import FaultRaised, Rejection, Role, TransactionResumed, TransactionSuspended
from ccsds.cfdp.far_end import FarEnd
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.host import Host
from ccsds.cfdp.records import ReceiverRecord, SenderRecord, transaction_of
from ccsds.cfdp.tlv import FaultHandlerOverride, Option
from ccsds.cfdp.transfer import Transfer


class TransactionEnd(ABC):
    """One end of a transaction.

    Args:
        host: The entity that it lives in.
        far_end: Where the other end is.
        header: Of the PDUs that go there.
        is_suspended: Whether it stood still when it was remembered last.
    """

    role: Role
    priority: int = 0
    """Of its file data."""

    def __init__(self, host: Host, far_end: FarEnd, header: PduHeader, is_suspended: bool) -> None:
        self.identity = transaction_of(header)
        self.far_end = far_end
        self.is_suspended = is_suspended
        self.is_closed = False
        self._host = host
        self._remote = far_end.config
        self._header = header
        self._is_acknowledged = header.mode is TransmissionMode.ACKNOWLEDGED
        self._due: dict[DirectiveCode, None] = {}

    def agrees(self, header: PduHeader) -> bool:
        """Tell whether a PDU can be of this transaction."""
        mine = self._header
        return (header.mode, header.is_large, header.destination) == (mine.mode, mine.is_large, mine.destination)

    def suspend(self, condition: ConditionCode) -> None:
        """Stand still until resumed."""
        if self.is_suspended or self.is_closed:
            return
        self.is_suspended = True
        self._save()
        self._host.tell(TransactionSuspended(self.identity, self.role, condition))

    def resume(self, time_ns: int) -> None:
        """Go on."""
        if not self.is_suspended:
            return
        self.is_suspended = False
        self._save()
        self._host.tell(TransactionResumed(self.identity, self.role, self.snapshot().done_octets))
        for timer in self._timers():
            timer.restart(time_ns)
        self._go_on(time_ns)

    def fail(self, error: OSError, time_ns: int) -> None:
        """Take notice that the store failed; that the transaction ends may not be remembered then."""
        try:
            if not self.is_closed:
                self._fail(error, time_ns)
                return
        except OSError as second:
            error = second
        self._reject(Rejection.NO_ROOM, str(error), ConditionCode.FILESTORE_REJECTION)

    @abstractmethod
    def snapshot(self) -> Transfer:
        """Give how far it is."""

    @abstractmethod
    def durable_record(self) -> SenderRecord | ReceiverRecord:
        """Give what the journal must know; may raise ``OSError``."""

    @abstractmethod
    def receive(self, body: Directive, time_ns: int) -> None:
        """Take a directive from the far end."""

    @abstractmethod
    def pull_directive(self, time_ns: int) -> bytes | None:
        """Give a directive that is due."""

    def pull_data(self, time_ns: int) -> bytes | None:
        """Give a segment of the file: only a sender has them."""
        return None

    def pull_idle(self, time_ns: int) -> bytes | None:
        """Give what may be sent because the line has nothing else."""
        return None

    @abstractmethod
    def advance(self, time_ns: int) -> None:
        """Let time pass."""

    @abstractmethod
    def deadline(self) -> int | None:
        """Give the contact time at which `advance` has something to do."""

    @abstractmethod
    def contact(self, up: bool, time_ns: int) -> None:
        """Take notice that contact begins or ends."""

    @abstractmethod
    def cancel(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell the far end."""

    @abstractmethod
    def abandon(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell nobody."""

    @abstractmethod
    def _timers(self) -> Iterable[RepeatTimer]:
        """Give the timers that begin anew when it goes on, or when a fault is ignored."""

    @abstractmethod
    def _options(self) -> tuple[Option, ...]:
        """Give what Metadata carries besides the names."""

    @abstractmethod
    def _save(self) -> None:
        """Tell the journal; may raise ``OSError``."""

    @abstractmethod
    def _go_on(self, time_ns: int) -> None:
        """Do what was not done while it stood still."""

    @abstractmethod
    def _fail(self, error: OSError, time_ns: int) -> None:
        """End it, since the store failed."""

    def _ignore(self, time_ns: int) -> None:
        """Go on as if there had been no fault: wait as long as before."""
        for timer in self._timers():
            if timer.deadline_ns is not None:
                timer.start(time_ns)

    def _handler(self, condition: ConditionCode) -> HandlerCode:
        """Give what a fault does: what the Metadata says, or else the MIB."""
        for option in self._options():
            if isinstance(option, FaultHandlerOverride) and option.condition is condition:
                return option.handler
        return self._remote.handler(condition)

    def _fault(self, condition: ConditionCode, detail: str, time_ns: int) -> None:
        """Declare a fault, and do what its handler says."""
        handler = self._handler(condition)
        self._host.tell(FaultRaised(self.identity, self.role, condition, handler, detail))
        handlers: dict[HandlerCode, Callable[[], None]] = {
            HandlerCode.CANCEL: lambda: self.cancel(condition, time_ns),
            HandlerCode.SUSPEND: lambda: self.suspend(condition),
            HandlerCode.ABANDON: lambda: self.abandon(condition, time_ns),
            HandlerCode.IGNORE: lambda: self._ignore(time_ns),
        }
        handlers[handler]()

    def _rings(self, timer: RepeatTimer, condition: ConditionCode, lack: str, time_ns: int) -> bool:
        """Tell whether a timer rings and it is time to say something again; once it is too often, that is a fault."""
        if not timer.ring(time_ns):
            return False
        if timer.count <= timer.limit:
            return True
        self._fault(condition, f"{lack}, {timer.count} times", time_ns)
        return False

    def _ack_interval_ns(self) -> int:
        """Give how long an EOF or Finished waits for its ACK at first."""
        return self._remote.ack_interval_ns or self.far_end.round_trip.value_ns // 2

    def _reject(self, rejection: Rejection, detail: str, condition: ConditionCode = ConditionCode.NO_ERROR) -> None:
        self._host.reject(rejection, detail, self.identity, condition)

    def _want(self, code: DirectiveCode) -> None:
        self._due[code] = None
        self.far_end.want_directive(self)

"""cfdp-py 0.7 as an end of a link, in virtual time: its clock is replaced, its files are in a directory.

It polls: it makes one PDU for each turn of its state machine, and is told no deadline, so it is woken every 10 ms.
"""

from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

from cfdppy.defs import CfdpState
from cfdppy.exceptions import PduIgnoredForDest, PduIgnoredForSource
from cfdppy.filestore import NativeFilestore
from cfdppy.handler.dest import DestHandler
from cfdppy.handler.source import SourceHandler
from cfdppy.mib import (
    CheckTimerProvider,
    DefaultFaultHandlerBase,
    IndicationConfig,
    LocalEntityConfig,
    RemoteEntityConfig,
    RemoteEntityConfigTable,
)
from cfdppy.request import PutRequest
from cfdppy.user import CfdpUserBase
from spacepackets import countdown
from spacepackets.cfdp import ChecksumType, ConditionCode, TransmissionMode
from spacepackets.cfdp.pdu.helper import PduFactory
from spacepackets.seqcount import SeqCountProvider
from spacepackets.util import ByteFieldU8

_MS = 1_000_000
_POLL_NS = 10 * _MS


class VirtualClock:
    """What cfdp-py takes for the time, while it is used as a context."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._real = countdown.time_ms

    def __enter__(self) -> "VirtualClock":
        countdown.time_ms = lambda: self.now_ns // _MS
        return self

    def __exit__(self, *_: object) -> None:
        countdown.time_ms = self._real


class _User(CfdpUserBase):
    def __init__(self) -> None:
        super().__init__(vfs=NativeFilestore())
        self.finished: list[Any] = []

    def transaction_finished_indication(self, params: Any) -> None:
        self.finished.append(params)

    def transaction_indication(self, *_: Any, **__: Any) -> None: ...
    def eof_sent_indication(self, *_: Any, **__: Any) -> None: ...
    def metadata_recv_indication(self, *_: Any, **__: Any) -> None: ...
    def file_segment_recv_indication(self, *_: Any, **__: Any) -> None: ...
    def report_indication(self, *_: Any, **__: Any) -> None: ...
    def suspended_indication(self, *_: Any, **__: Any) -> None: ...
    def resumed_indication(self, *_: Any, **__: Any) -> None: ...
    def fault_indication(self, *_: Any, **__: Any) -> None: ...
    def abandoned_indication(self, *_: Any, **__: Any) -> None: ...
    def eof_recv_indication(self, *_: Any, **__: Any) -> None: ...


class _Faults(DefaultFaultHandlerBase):
    def notice_of_suspension_cb(self, *_: Any, **__: Any) -> None: ...
    def notice_of_cancellation_cb(self, *_: Any, **__: Any) -> None: ...
    def abandoned_cb(self, *_: Any, **__: Any) -> None: ...
    def ignore_cb(self, *_: Any, **__: Any) -> None: ...


class _Timers(CheckTimerProvider):
    def provide_check_timer(self, *_: Any, **__: Any) -> countdown.Countdown:
        return countdown.Countdown(timedelta(seconds=5))


class PeerEnd:
    """One end of cfdp-py: a source and a destination handler of an entity.

    Args:
        entity: Its id.
        far: The id of the other end.
        clock: The time.
        segment_octets: Octets of file in a PDU.
        class_two: Whether puts are acknowledged.
        closure: Whether puts ask for closure.
        immediate_nak: Whether gaps are asked for at once.
        checksum_type: Of the files that it sends.
        packet_octets: The longest PDU, to which NAKs are split.
    """

    def __init__(
        self,
        entity: int,
        far: int,
        clock: VirtualClock,
        *,
        segment_octets: int = 1024,
        class_two: bool = True,
        closure: bool = False,
        immediate_nak: bool = True,
        checksum_type: ChecksumType = ChecksumType.CRC_32,
        packet_octets: int = 4096,
    ) -> None:
        self.user = _User()
        self._clock = clock
        self._far = ByteFieldU8(far)
        self._mode = TransmissionMode.ACKNOWLEDGED if class_two else TransmissionMode.UNACKNOWLEDGED
        self._closure = closure
        local = LocalEntityConfig(ByteFieldU8(entity), IndicationConfig(), _Faults())
        remotes = RemoteEntityConfigTable(
            [
                RemoteEntityConfig(
                    entity_id=self._far,
                    max_file_segment_len=segment_octets,
                    max_packet_len=packet_octets,
                    closure_requested=closure,
                    crc_on_transmission=False,
                    default_transmission_mode=self._mode,
                    crc_type=checksum_type,
                    positive_ack_timer_interval_seconds=1.0,
                    positive_ack_timer_expiration_limit=100,
                    nak_timer_interval_seconds=1.0,
                    nak_timer_expiration_limit=100,
                    immediate_nak_mode=immediate_nak,
                )
            ]
        )
        self.source = SourceHandler(local, self.user, remotes, _Timers(), SeqCountProvider(16))
        self.destination = DestHandler(local, self.user, remotes, _Timers())
        self._ready: deque[bytes] = deque()

    def put(self, source: Path, destination: Path | str) -> None:
        """Begin to send a file."""
        name = Path(destination)
        self.source.put_request(PutRequest(self._far, source, name, self._mode, self._closure))

    @property
    def is_complete(self) -> bool:
        """Whether a transaction ended without an error."""
        return any(done.finished_params.condition_code == ConditionCode.NO_ERROR for done in self.user.finished)

    def receive(self, pdu: bytes, now_ns: int) -> None:
        """Take one PDU."""
        self._clock.now_ns = now_ns
        packet = PduFactory.from_raw(pdu)
        is_toward_receiver = not pdu[0] >> 3 & 1
        try:
            if is_toward_receiver:
                self.destination.state_machine(packet)
            else:
                self.source.state_machine(packet)  # type: ignore[arg-type]
        except (PduIgnoredForDest, PduIgnoredForSource):
            return
        finally:
            self._collect()

    def transmit(self, now_ns: int) -> bytes | None:
        """Give one PDU."""
        self._clock.now_ns = now_ns
        if not self._ready:
            for handler in (self.source, self.destination):
                if handler.state != CfdpState.IDLE:
                    handler.state_machine(None)
            self._collect()
        return self._ready.popleft() if self._ready else None

    def advance(self, now_ns: int) -> None:
        """Let time pass."""
        self._clock.now_ns = now_ns

    def next_deadline(self) -> int | None:
        """Give when it is to be polled."""
        return self._clock.now_ns + _POLL_NS

    def _collect(self) -> None:
        for handler in (self.source, self.destination):
            while handler.packets_ready:
                holder = handler.get_next_packet()
                if holder is not None:
                    self._ready.append(bytes(holder.pack()))

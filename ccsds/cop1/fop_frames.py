"""The frames that FOP-1 holds: Wait_Queue, Sent_Queue, and what is offered to the transmitter. It decides nothing.

A frame offered makes its kind's Out_Flag "not ready" until the transmitter takes it. Numbers are modulo 256.

Source: CCSDS 232.1-B-2 5.1 (variables), 5.2.2 to 5.2.10 (actions).
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from ccsds.cop1.fop_config import FopConfig
from ccsds.cop1.fop_events import Service
from ccsds.tc_frame import TcFrame, TcFrameKind

COUNTS = 256


class Request(NamedTuple):
    """Data that the owner wants transferred."""

    tag: int
    data: bytes
    service: Service


@dataclass(slots=True, eq=False)
class SentFrame:
    """A frame from when it is offered to the transmitter until FOP-1 has no more to do with it."""

    frame: TcFrame
    tag: int = 0
    transmissions: int = 0
    is_to_be_retransmitted: bool = False


class FopFrames:
    """The queues and numbers of one FOP-1.

    Args:
        config: Gives its frames their spacecraft and virtual channel.
    """

    def __init__(self, config: FopConfig) -> None:
        self._spacecraft_id = config.spacecraft_id
        self._virtual_channel = config.virtual_channel
        self.next_sequence = 0
        """V(S)."""
        self.expected_acknowledgement = 0
        """NN(R)."""
        self.transmission_count = 1
        self.wait: Request | None = None
        """The Wait_Queue, which holds one request (5.1.3)."""
        self._sent: deque[SentFrame] = deque()
        self._command: SentFrame | None = None
        self._out: dict[TcFrameKind, SentFrame] = {}

    @property
    def sent_count(self) -> int:
        """How many AD frames have a number and are not acknowledged."""
        return len(self._sent)

    @property
    def transmitted_count(self) -> int:
        """How many of those have left at least once; they are the oldest."""
        return sum(each.transmissions > 0 for each in self._sent)

    @property
    def is_retransmitting(self) -> bool:
        """Whether a frame is marked To_Be_Retransmitted."""
        return any(each.is_to_be_retransmitted for each in self._sent)

    def is_out_ready(self, kind: TcFrameKind) -> bool:
        """Give AD_Out_Flag, BC_Out_Flag or BD_Out_Flag."""
        return kind not in self._out

    def offered(self, kind: TcFrameKind) -> SentFrame:
        """Give the frame of a kind that is offered."""
        return self._out[kind]

    def set_out_ready(self, kind: TcFrameKind) -> None:
        """Set a kind's Out_Flag: nothing of it is offered any more."""
        self._out.pop(kind, None)

    def number_anew(self, sequence: int) -> None:
        """Set V(S) and NN(R)."""
        self.next_sequence = self.expected_acknowledgement = sequence

    def offer_expedited(self, request: Request) -> None:
        """Offer a BD frame."""
        self._offer(SentFrame(self._frame(TcFrameKind.BD, 0, request.data), request.tag))

    def offer_command(self, command: bytes) -> None:
        """Offer a BC frame, and keep a copy until it is released."""
        self._command = SentFrame(self._frame(TcFrameKind.BC, 0, command))
        self._offer(self._command)

    def look_for_directive(self) -> None:
        """Offer the BC frame again if it is to be retransmitted (5.2.9)."""
        if self._command is not None and self._command.is_to_be_retransmitted:
            self._offer(self._command)

    def look_for_fdu(self, window: int) -> None:
        """Offer the oldest frame to be retransmitted, or else what waits, if K allows it (5.2.10)."""
        if TcFrameKind.AD in self._out:
            return
        again = next((each for each in self._sent if each.is_to_be_retransmitted), None)
        if again is not None:
            self._offer(again)
        elif self.wait is not None and len(self._sent) < window:
            if not self._sent:
                self.transmission_count = 1
            sent = SentFrame(self._frame(TcFrameKind.AD, self.next_sequence, self.wait.data), self.wait.tag)
            self.wait = None
            self._sent.append(sent)
            self.next_sequence = (self.next_sequence + 1) % COUNTS
            self._offer(sent)

    def remove_acknowledged(self, count: int) -> list[int]:
        """Remove the oldest frames (5.2.8), also from what is offered, and give their tags."""
        removed = [self._sent.popleft() for _ in range(count)]
        if self._out.get(TcFrameKind.AD) in removed:
            del self._out[TcFrameKind.AD]
        if removed:
            self.expected_acknowledgement = (self.expected_acknowledgement + count) % COUNTS
            self.transmission_count = 1
        return [each.tag for each in removed]

    def initiate_retransmission(self, kind: TcFrameKind) -> None:
        """Take back what is offered of a kind, and mark all that was sent of it (5.2.7)."""
        self._out.pop(kind, None)
        self.transmission_count += 1
        commands = [self._command] if self._command is not None else []
        for each in self._sent if kind is TcFrameKind.AD else commands:
            each.is_to_be_retransmitted = True

    def release_command(self) -> None:
        """Forget the BC frame."""
        self._command = None
        self._out.pop(TcFrameKind.BC, None)

    def purge(self) -> tuple[int, ...]:
        """Forget every AD frame and the BC frame (5.2.2, 5.2.3), and give the tags of what is given up, oldest first.

        NN(R) becomes V(S), since no frame is older.
        """
        tags = [each.tag for each in self._sent] + ([self.wait.tag] if self.wait is not None else [])
        self._sent.clear()
        self.wait = None
        self.transmission_count = 1
        self.expected_acknowledgement = self.next_sequence
        self._out.pop(TcFrameKind.AD, None)
        self.release_command()
        return tuple(tags)

    def _offer(self, sent: SentFrame) -> None:
        sent.is_to_be_retransmitted = False
        self._out[sent.frame.kind] = sent

    def _frame(self, kind: TcFrameKind, sequence: int, data: bytes) -> TcFrame:
        return TcFrame(kind, self._spacecraft_id, self._virtual_channel, sequence, data)

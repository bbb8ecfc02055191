"""The states of the sending end of a CFDP transaction, as one table; `ccsds.cfdp.sender` does what it says.

Source: CCSDS 727.0-B-5 4.6, 4.7, 4.11.
"""

from enum import Enum, auto


class SenderState(Enum):
    """Where a transaction is, at its source."""

    SENDING = "sending"
    """The file is sent for the first time."""
    REPEATING = "repeating"
    """EOF was sent, and Metadata and EOF go out again, since in class 1 nobody asks for them."""
    AWAITING_ACK = "awaiting ACK"
    """EOF was sent."""
    AWAITING_FINISHED = "awaiting Finished"
    """EOF was acknowledged, or needs not be."""
    CANCELLING = "cancelling"
    """EOF was sent with the condition that ended it."""
    CLOSED = "closed"


class SenderEvent(Enum):
    """What moves it."""

    ALL_SENT = "all sent, class 2"
    ALL_SENT_WITH_CLOSURE = "all sent, class 1 with closure"
    ALL_SENT_WITH_REPEATS = "all sent, class 1 with repeats"
    ALL_SENT_UNACKNOWLEDGED = "all sent, class 1"
    REPEAT = "repeat"
    LAST_REPEAT = "last repeat"
    EOF_ACKNOWLEDGED = "ACK of EOF"
    FINISHED = "Finished"
    CANCEL = "cancel, class 2"
    CANCEL_UNACKNOWLEDGED = "cancel, class 1"
    ABANDON = "abandon"


class SenderEffect(Enum):
    """What a cell of the table does, besides going to a state."""

    SEND_EOF = auto()
    SEND_AGAIN = auto()
    """Metadata and EOF."""
    AWAIT_ACK = auto()
    AWAIT_FINISHED = auto()
    AWAIT_CHECK = auto()
    AWAIT_REPEAT = auto()
    ACKNOWLEDGE = auto()
    CLOSE = auto()


_S, _V, _E = SenderState, SenderEvent, SenderEffect

TABLE: dict[tuple[SenderState, SenderEvent], tuple[tuple[SenderEffect, ...], SenderState]] = {
    (_S.SENDING, _V.ALL_SENT): ((_E.SEND_EOF, _E.AWAIT_ACK), _S.AWAITING_ACK),
    (_S.SENDING, _V.ALL_SENT_WITH_CLOSURE): ((_E.SEND_EOF, _E.AWAIT_CHECK, _E.AWAIT_REPEAT), _S.AWAITING_FINISHED),
    (_S.SENDING, _V.ALL_SENT_WITH_REPEATS): ((_E.SEND_EOF, _E.AWAIT_REPEAT), _S.REPEATING),
    (_S.SENDING, _V.ALL_SENT_UNACKNOWLEDGED): ((_E.SEND_EOF, _E.CLOSE), _S.CLOSED),
    (_S.REPEATING, _V.REPEAT): ((_E.SEND_AGAIN,), _S.REPEATING),
    (_S.REPEATING, _V.LAST_REPEAT): ((_E.SEND_AGAIN, _E.CLOSE), _S.CLOSED),
    (_S.AWAITING_FINISHED, _V.REPEAT): ((_E.SEND_AGAIN,), _S.AWAITING_FINISHED),
    (_S.AWAITING_FINISHED, _V.LAST_REPEAT): ((_E.SEND_AGAIN,), _S.AWAITING_FINISHED),
    (_S.AWAITING_ACK, _V.EOF_ACKNOWLEDGED): ((_E.AWAIT_FINISHED,), _S.AWAITING_FINISHED),
    (_S.AWAITING_FINISHED, _V.EOF_ACKNOWLEDGED): ((), _S.AWAITING_FINISHED),
    (_S.CANCELLING, _V.EOF_ACKNOWLEDGED): ((_E.CLOSE,), _S.CLOSED),
    (_S.SENDING, _V.FINISHED): ((_E.ACKNOWLEDGE, _E.CLOSE), _S.CLOSED),
    (_S.AWAITING_ACK, _V.FINISHED): ((_E.ACKNOWLEDGE, _E.CLOSE), _S.CLOSED),
    (_S.AWAITING_FINISHED, _V.FINISHED): ((_E.ACKNOWLEDGE, _E.CLOSE), _S.CLOSED),
    (_S.CANCELLING, _V.FINISHED): ((_E.ACKNOWLEDGE, _E.CLOSE), _S.CLOSED),
    (_S.SENDING, _V.CANCEL): ((_E.SEND_EOF, _E.AWAIT_ACK), _S.CANCELLING),
    (_S.AWAITING_ACK, _V.CANCEL): ((_E.SEND_EOF, _E.AWAIT_ACK), _S.CANCELLING),
    (_S.AWAITING_FINISHED, _V.CANCEL): ((_E.SEND_EOF, _E.AWAIT_ACK), _S.CANCELLING),
    (_S.SENDING, _V.CANCEL_UNACKNOWLEDGED): ((_E.SEND_EOF, _E.CLOSE), _S.CLOSED),
    (_S.REPEATING, _V.CANCEL_UNACKNOWLEDGED): ((_E.SEND_EOF, _E.CLOSE), _S.CLOSED),
    (_S.AWAITING_FINISHED, _V.CANCEL_UNACKNOWLEDGED): ((_E.SEND_EOF, _E.CLOSE), _S.CLOSED),
    (_S.SENDING, _V.ABANDON): ((_E.CLOSE,), _S.CLOSED),
    (_S.REPEATING, _V.ABANDON): ((_E.CLOSE,), _S.CLOSED),
    (_S.AWAITING_ACK, _V.ABANDON): ((_E.CLOSE,), _S.CLOSED),
    (_S.AWAITING_FINISHED, _V.ABANDON): ((_E.CLOSE,), _S.CLOSED),
    (_S.CANCELLING, _V.ABANDON): ((_E.CLOSE,), _S.CLOSED),
}
"""(state, event) -> (effects, next state). What is not here does nothing: a late or a second answer."""

"""The states of the receiving end of a CFDP transaction, as one table; `ccsds.cfdp.receiver` does what it says.

Source: CCSDS 727.0-B-5 4.6, 4.7, 4.11.
"""

from enum import Enum, auto


class ReceiverState(Enum):
    """Where a transaction is, at its destination."""

    RECEIVING = "receiving"
    """EOF did not come."""
    COMPLETING = "completing"
    """EOF came, and something is missing."""
    FINISHING = "finishing"
    """Finished was sent."""
    CLOSED = "closed"


class ReceiverEvent(Enum):
    """What moves it."""

    EOF = "EOF"
    WHOLE = "whole or cancelled, class 2"
    WHOLE_WITH_CLOSURE = "whole or cancelled, class 1 with closure"
    WHOLE_UNACKNOWLEDGED = "whole or cancelled, class 1"
    FINISHED_ACKNOWLEDGED = "ACK of Finished"
    ABANDON = "abandon"


class ReceiverEffect(Enum):
    """What a cell of the table does, besides going to a state."""

    ACKNOWLEDGE = auto()
    SEND_FINISHED = auto()
    AWAIT_DATA = auto()
    AWAIT_ACK = auto()
    CLOSE = auto()


_S, _V, _E = ReceiverState, ReceiverEvent, ReceiverEffect

TABLE: dict[tuple[ReceiverState, ReceiverEvent], tuple[tuple[ReceiverEffect, ...], ReceiverState]] = {
    (_S.RECEIVING, _V.EOF): ((_E.ACKNOWLEDGE, _E.AWAIT_DATA), _S.COMPLETING),
    (_S.COMPLETING, _V.EOF): ((_E.ACKNOWLEDGE,), _S.COMPLETING),
    (_S.FINISHING, _V.EOF): ((_E.ACKNOWLEDGE, _E.SEND_FINISHED), _S.FINISHING),
    (_S.RECEIVING, _V.WHOLE): ((_E.SEND_FINISHED, _E.AWAIT_ACK), _S.FINISHING),
    (_S.COMPLETING, _V.WHOLE): ((_E.SEND_FINISHED, _E.AWAIT_ACK), _S.FINISHING),
    (_S.RECEIVING, _V.WHOLE_WITH_CLOSURE): ((_E.SEND_FINISHED, _E.CLOSE), _S.CLOSED),
    (_S.COMPLETING, _V.WHOLE_WITH_CLOSURE): ((_E.SEND_FINISHED, _E.CLOSE), _S.CLOSED),
    (_S.RECEIVING, _V.WHOLE_UNACKNOWLEDGED): ((_E.CLOSE,), _S.CLOSED),
    (_S.COMPLETING, _V.WHOLE_UNACKNOWLEDGED): ((_E.CLOSE,), _S.CLOSED),
    (_S.FINISHING, _V.FINISHED_ACKNOWLEDGED): ((_E.CLOSE,), _S.CLOSED),
    (_S.RECEIVING, _V.ABANDON): ((_E.CLOSE,), _S.CLOSED),
    (_S.COMPLETING, _V.ABANDON): ((_E.CLOSE,), _S.CLOSED),
    (_S.FINISHING, _V.ABANDON): ((_E.CLOSE,), _S.CLOSED),
}
"""(state, event) -> (effects, next state). What is not here does nothing: a late or a second answer."""

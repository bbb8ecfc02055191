"""The table of FOP-1: its states, its events by the standard's numbers, and what it does in each cell. It does nothing.

It is for a window of one frame (K = 1): a CLCW acknowledges all that was sent or nothing, so E6, E8, E9 and E101,
which acknowledge a part, have no rows; nor have E18 and E104, since nothing is suspended (timeout type 0). Requests to
transfer (E19 to E22) and the transmitter's answers (E41 to E46) are the queues and the pull of `ccsds.cop1.fop`.

Source: CCSDS 232.1-B-2 5.3, table 5-1.
"""

from enum import Enum, IntEnum, auto


class FopState(IntEnum):
    """The states of table 5-1."""

    ACTIVE = 1
    RETRANSMIT_WITHOUT_WAIT = 2
    RETRANSMIT_WITH_WAIT = 3
    INITIALISING_WITHOUT_BC = 4
    INITIALISING_WITH_BC = 5
    INITIAL = 6


class Stimulus(IntEnum):
    """The events of table 5-1, by the standard's numbers."""

    NOTHING_NEW = 1
    """CLCW: N(R) = V(S) as it was before, no flags."""
    ALL_ACKNOWLEDGED = 2
    """CLCW: N(R) = V(S), which it was not before, no flags."""
    WAIT_AT_VS = 3
    """CLCW: N(R) = V(S), wait."""
    RETRANSMIT_AT_VS = 4
    """CLCW: N(R) = V(S), retransmit."""
    NONE_ACKNOWLEDGED = 5
    """CLCW: N(R) as it was, frames on their way, no flags."""
    WAIT_WITHOUT_RETRANSMIT = 7
    """CLCW: frames on their way, wait only."""
    RETRANSMIT = 10
    """CLCW: retransmit, and the limit is not reached."""
    RETRANSMIT_WAIT = 11
    """CLCW: retransmit and wait, and the limit is not reached."""
    RETRANSMIT_AT_LIMIT = 12
    """CLCW: retransmit, and the limit is reached."""
    IMPOSSIBLE_NR = 13
    """CLCW: N(R) outside NN(R) to V(S)."""
    LOCKOUT = 14
    """CLCW: lockout."""
    TIMER = 16
    """T1 expires, and the limit is not reached."""
    TIMER_AT_LIMIT = 17
    """T1 expires, and the limit is reached."""
    INITIATE_WITHOUT_CLCW = 23
    INITIATE_WITH_CLCW_CHECK = 24
    INITIATE_WITH_UNLOCK = 25
    INITIATE_WITH_SET_VR = 27
    TERMINATE = 29
    SET_VS = 35
    RETRANSMIT_WITHOUT_LIMIT = 102
    """CLCW: retransmit, and the limit is one."""
    RETRANSMIT_WAIT_AT_LIMIT = 103
    """CLCW: retransmit and wait, and the limit is reached."""


class Action(Enum):
    """What a cell of the table does, besides going to a state."""

    IGNORE = auto()
    ACKNOWLEDGE = auto()
    RETRANSMIT = auto()
    RETRANSMIT_COMMAND = auto()
    CONFIRM = auto()
    ALERT_SYNCH = auto()
    ALERT_CLCW = auto()
    ALERT_NNR = auto()
    ALERT_LOCKOUT = auto()
    ALERT_LIMIT = auto()
    ALERT_T1 = auto()
    ALERT_TERMINATED = auto()
    START_TIMER = auto()
    SEND_UNLOCK = auto()
    SEND_SET_VR = auto()
    SET_VS = auto()
    REJECT = auto()


_S1, _S2, _S3, _S4, _S5, _S6 = FopState


def _row(
    stimulus: Stimulus, *cells: tuple[Action, FopState]
) -> dict[tuple[FopState, Stimulus], tuple[Action, FopState]]:
    return {(state, stimulus): cell for state, cell in zip(FopState, cells, strict=True)}


def _stay(state: FopState) -> tuple[Action, FopState]:
    return Action.IGNORE, state


def _no(state: FopState) -> tuple[Action, FopState]:
    return Action.REJECT, state


def _down(action: Action) -> tuple[Action, FopState]:
    return action, FopState.INITIAL


_SYNCH, _WAIT, _NNR = _down(Action.ALERT_SYNCH), _down(Action.ALERT_CLCW), _down(Action.ALERT_NNR)
_LOCK, _LIMIT, _T1 = _down(Action.ALERT_LOCKOUT), _down(Action.ALERT_LIMIT), _down(Action.ALERT_T1)
_END = _down(Action.ALERT_TERMINATED)
_UP = (Action.CONFIRM, _S1)
_ACK = (Action.ACKNOWLEDGE, _S1)
_AGAIN = (Action.RETRANSMIT, _S2)
_NOT_IN_S1_TO_S5 = (_no(_S1), _no(_S2), _no(_S3), _no(_S4), _no(_S5))

TABLE: dict[tuple[FopState, Stimulus], tuple[Action, FopState]] = {
    **_row(Stimulus.NOTHING_NEW, _stay(_S1), _SYNCH, _SYNCH, _UP, _UP, _stay(_S6)),
    # In S4 and S5 nothing is on its way, so that N(R) = V(S) is always E1 there.
    **_row(Stimulus.ALL_ACKNOWLEDGED, _ACK, _ACK, _ACK, _stay(_S4), _stay(_S5), _stay(_S6)),
    **_row(Stimulus.WAIT_AT_VS, _WAIT, _WAIT, _WAIT, _WAIT, _stay(_S5), _stay(_S6)),
    **_row(Stimulus.RETRANSMIT_AT_VS, _SYNCH, _SYNCH, _SYNCH, _SYNCH, _stay(_S5), _stay(_S6)),
    **_row(Stimulus.NONE_ACKNOWLEDGED, _stay(_S1), _SYNCH, _SYNCH, _stay(_S4), _stay(_S5), _stay(_S6)),
    **_row(Stimulus.WAIT_WITHOUT_RETRANSMIT, _WAIT, _WAIT, _WAIT, _stay(_S4), _stay(_S5), _stay(_S6)),
    **_row(Stimulus.RETRANSMIT, _AGAIN, _stay(_S2), _AGAIN, _stay(_S4), _stay(_S5), _stay(_S6)),
    **_row(Stimulus.RETRANSMIT_WAIT, _stay(_S3), _stay(_S3), _stay(_S3), _stay(_S4), _stay(_S5), _stay(_S6)),
    **_row(Stimulus.RETRANSMIT_AT_LIMIT, _stay(_S2), _stay(_S2), _stay(_S2), _stay(_S4), _stay(_S5), _stay(_S6)),
    **_row(Stimulus.IMPOSSIBLE_NR, _NNR, _NNR, _NNR, _NNR, _stay(_S5), _stay(_S6)),
    **_row(Stimulus.LOCKOUT, _LOCK, _LOCK, _LOCK, _LOCK, _stay(_S5), _stay(_S6)),
    # The standard's E16 in S1 and S2 retransmits and stays; S3 waits for a CLCW that says otherwise.
    **_row(
        Stimulus.TIMER,
        (Action.RETRANSMIT, _S1),
        _AGAIN,
        _stay(_S3),
        _T1,
        (Action.RETRANSMIT_COMMAND, _S5),
        _stay(_S6),
    ),
    **_row(Stimulus.TIMER_AT_LIMIT, _T1, _T1, _T1, _T1, _T1, _stay(_S6)),
    **_row(Stimulus.INITIATE_WITHOUT_CLCW, *_NOT_IN_S1_TO_S5, _UP),
    **_row(Stimulus.INITIATE_WITH_CLCW_CHECK, *_NOT_IN_S1_TO_S5, (Action.START_TIMER, _S4)),
    **_row(Stimulus.INITIATE_WITH_UNLOCK, *_NOT_IN_S1_TO_S5, (Action.SEND_UNLOCK, _S5)),
    **_row(Stimulus.INITIATE_WITH_SET_VR, *_NOT_IN_S1_TO_S5, (Action.SEND_SET_VR, _S5)),
    **_row(Stimulus.TERMINATE, _END, _END, _END, _END, _END, _stay(_S6)),
    **_row(Stimulus.SET_VS, *_NOT_IN_S1_TO_S5, (Action.SET_VS, _S6)),
    **_row(Stimulus.RETRANSMIT_WITHOUT_LIMIT, _LIMIT, _LIMIT, _LIMIT, _stay(_S4), _stay(_S5), _stay(_S6)),
    **_row(Stimulus.RETRANSMIT_WAIT_AT_LIMIT, _stay(_S3), _stay(_S3), _stay(_S3), _stay(_S4), _stay(_S5), _stay(_S6)),
}
"""Table 5-1 for K = 1: (state, event) -> (action, next state)."""

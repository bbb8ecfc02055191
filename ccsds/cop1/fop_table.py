"""The table of FOP-1: its states, its events by the standard's numbers, and what it does in each cell. It does nothing.

A cell is the standard's list of actions in their order, and the state that follows; no actions means "ignore". A cell
that the standard calls not applicable is not in the table. 'Accept' has no action: an accepted directive is told by
what follows it, an accepted frame by its transmission.

The table differs from the standard's in one cell, which the standard leaves open: (S6, E29) also purges the queues,
since a suspended service still has frames there.

Source: CCSDS 232.1-B-2 5.2 (actions), 5.3, table 5-1.
"""

from enum import Enum, IntEnum


class FopState(IntEnum):
    """The states of table 5-1."""

    ACTIVE = 1
    RETRANSMIT_WITHOUT_WAIT = 2
    RETRANSMIT_WITH_WAIT = 3
    INITIALISING_WITHOUT_BC = 4
    INITIALISING_WITH_BC = 5
    INITIAL = 6


class Stimulus(IntEnum):
    """The events of table 5-1, by the standard's numbers, in the order of its rows."""

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
    SOME_ACKNOWLEDGED = 6
    """CLCW: N(R) has moved on, frames on their way, no flags."""
    WAIT_WITHOUT_RETRANSMIT = 7
    """CLCW: frames on their way, wait only."""
    LIMIT_ONE_SOME_ACKNOWLEDGED = 101
    """CLCW: N(R) has moved on, retransmit, and the limit is one."""
    LIMIT_ONE_NONE_ACKNOWLEDGED = 102
    """CLCW: N(R) as it was, retransmit, and the limit is one."""
    RETRANSMIT_SOME_ACKNOWLEDGED = 8
    """CLCW: N(R) has moved on, retransmit."""
    RETRANSMIT_WAIT_SOME_ACKNOWLEDGED = 9
    """CLCW: N(R) has moved on, retransmit and wait."""
    RETRANSMIT = 10
    """CLCW: N(R) as it was, retransmit, and the limit is not reached."""
    RETRANSMIT_WAIT = 11
    """CLCW: N(R) as it was, retransmit and wait, and the limit is not reached."""
    RETRANSMIT_AT_LIMIT = 12
    """CLCW: N(R) as it was, retransmit, and the limit is reached."""
    RETRANSMIT_WAIT_AT_LIMIT = 103
    """CLCW: N(R) as it was, retransmit and wait, and the limit is reached."""
    IMPOSSIBLE_NR = 13
    """CLCW: N(R) goes backwards, or acknowledges what was never transmitted."""
    LOCKOUT = 14
    """CLCW: lockout."""
    INVALID_CLCW = 15
    """Something that should have been a CLCW."""
    TIMER = 16
    """T1 expires, the limit is not reached, timeout type 0."""
    TIMER_TYPE_ONE = 104
    """T1 expires, the limit is not reached, timeout type 1."""
    TIMER_AT_LIMIT = 17
    """T1 expires, the limit is reached, timeout type 0."""
    TIMER_AT_LIMIT_TYPE_ONE = 18
    """T1 expires, the limit is reached, timeout type 1."""
    TRANSFER_AD = 19
    """AD data to transfer, and the Wait_Queue is free."""
    TRANSFER_AD_NOT_READY = 20
    """AD data to transfer, and the Wait_Queue is taken."""
    TRANSFER_BD = 21
    """BD data to transfer, and BD_Out_Flag is ready."""
    TRANSFER_BD_NOT_READY = 22
    """BD data to transfer, and BD_Out_Flag is not ready."""
    INITIATE_WITHOUT_CLCW = 23
    INITIATE_WITH_CLCW_CHECK = 24
    INITIATE_WITH_UNLOCK = 25
    INITIATE_WITH_UNLOCK_NOT_READY = 26
    """BC_Out_Flag is not ready."""
    INITIATE_WITH_SET_VR = 27
    INITIATE_WITH_SET_VR_NOT_READY = 28
    """BC_Out_Flag is not ready."""
    TERMINATE = 29
    RESUME_NOT_SUSPENDED = 30
    RESUME_ACTIVE = 31
    """Suspended in S1."""
    RESUME_RETRANSMIT_WITHOUT_WAIT = 32
    """Suspended in S2."""
    RESUME_RETRANSMIT_WITH_WAIT = 33
    """Suspended in S3."""
    RESUME_INITIALISING = 34
    """Suspended in S4."""
    SET_VS = 35
    SET_WINDOW = 36
    SET_T1 = 37
    SET_TRANSMISSION_LIMIT = 38
    SET_TIMEOUT_TYPE = 39
    INVALID_DIRECTIVE = 40
    """Here only Set V(S) while suspended; a value that cannot be is refused before it comes to this."""
    AD_ACCEPTED = 41
    """The transmitter took the AD frame."""
    AD_REJECTED = 42
    BC_ACCEPTED = 43
    """The transmitter took the BC frame."""
    BC_REJECTED = 44
    BD_ACCEPTED = 45
    """The transmitter took the BD frame."""
    BD_REJECTED = 46


class Action(Enum):
    """What a cell of the table does; the values are the standard's words (5.2)."""

    REMOVE_ACKNOWLEDGED = "remove acknowledged frames from Sent_Queue"
    LOOK_FOR_FDU = "look for FDU"
    LOOK_FOR_DIRECTIVE = "look for directive"
    INITIATE_AD_RETRANSMISSION = "initiate AD retransmission"
    INITIATE_BC_RETRANSMISSION = "initiate BC retransmission"
    START_TIMER = "start timer"
    CANCEL_TIMER = "cancel timer"
    RELEASE_BC = "release copy of BC frame"
    ADD_TO_WAIT_QUEUE = "add to Wait_Queue"
    TRANSMIT_BD = "transmit BD frame"
    TRANSMIT_UNLOCK = "transmit BC frame (Unlock)"
    TRANSMIT_SET_VR = "transmit BC frame (Set V(R))"
    INITIALISE = "initialise"
    CONFIRM = "confirm"
    REJECT = "reject"
    SUSPEND = "suspend, SS := this state"
    RESUME = "resume"
    SET_VS = "V(S) := NN(R) := V*"
    SET_WINDOW = "K := value"
    SET_T1 = "T1_Initial := value"
    SET_TRANSMISSION_LIMIT = "Transmission_Limit := value"
    SET_TIMEOUT_TYPE = "TT := value"
    AD_OUT_READY = "AD_Out_Flag := ready"
    BC_OUT_READY = "BC_Out_Flag := ready"
    BD_OUT_READY = "BD_Out_Flag := ready"
    ALERT_SYNCH = "alert [SYNCH]"
    ALERT_CLCW = "alert [CLCW]"
    ALERT_NNR = "alert [NN(R)]"
    ALERT_LOCKOUT = "alert [LOCKOUT]"
    ALERT_LIMIT = "alert [LIMIT]"
    ALERT_T1 = "alert [T1]"
    ALERT_LLIF = "alert [LLIF]"
    ALERT_TERMINATED = "alert [TERM]"


Cell = tuple[tuple[Action, ...], FopState]

_S1, _S2, _S3, _S4, _S5, _S6 = FopState
_E, _A = Stimulus, Action


def _row(stimulus: Stimulus, *cells: Cell | None) -> dict[tuple[FopState, Stimulus], Cell]:
    """Give one row of table 5-1; None is "not applicable"."""
    return {(state, stimulus): cell for state, cell in zip(FopState, cells, strict=True) if cell is not None}


def _stay(stimulus: Stimulus, *actions: Action) -> dict[tuple[FopState, Stimulus], Cell]:
    """Give a row that is the same in every state and changes none."""
    return {(state, stimulus): (actions, state) for state in FopState}


def _only_initial(stimulus: Stimulus, *actions: Action, to: FopState) -> dict[tuple[FopState, Stimulus], Cell]:
    """Give the row of a directive that all states but S6 reject."""
    return {**_stay(stimulus, _A.REJECT), (_S6, stimulus): (actions, to)}


def _do(to: FopState, *actions: Action) -> Cell:
    return actions, to


def _down(action: Action) -> Cell:
    return (action,), _S6


_SYNCH, _CLCW, _NNR = _down(_A.ALERT_SYNCH), _down(_A.ALERT_CLCW), _down(_A.ALERT_NNR)
_LOCK, _LIMIT, _T1, _LLIF = (_down(_A[f"ALERT_{reason}"]) for reason in ("LOCKOUT", "LIMIT", "T1", "LLIF"))
_ALL = _do(_S1, _A.REMOVE_ACKNOWLEDGED, _A.CANCEL_TIMER, _A.LOOK_FOR_FDU)
_SOME = _do(_S1, _A.REMOVE_ACKNOWLEDGED, _A.LOOK_FOR_FDU)
_SOME_LIMIT = _do(_S6, _A.REMOVE_ACKNOWLEDGED, _A.ALERT_LIMIT)
_SOME_AGAIN = _do(_S2, _A.REMOVE_ACKNOWLEDGED, _A.INITIATE_AD_RETRANSMISSION, _A.LOOK_FOR_FDU)
_SOME_WAIT = _do(_S3, _A.REMOVE_ACKNOWLEDGED)
_AGAIN_1, _AGAIN_2 = (_do(to, _A.INITIATE_AD_RETRANSMISSION, _A.LOOK_FOR_FDU) for to in (_S1, _S2))
_AGAIN_BC = _do(_S5, _A.INITIATE_BC_RETRANSMISSION, _A.LOOK_FOR_DIRECTIVE)
_SUSPEND = _down(_A.SUSPEND)
_END = _do(_S6, _A.ALERT_TERMINATED, _A.CONFIRM)
_UP, _UP_BC = _do(_S1, _A.CONFIRM, _A.CANCEL_TIMER), _do(_S1, _A.CONFIRM, _A.RELEASE_BC, _A.CANCEL_TIMER)
_PUT = (_A.ADD_TO_WAIT_QUEUE, _A.LOOK_FOR_FDU)
_NO_4, _NO_5, _NO_6 = _do(_S4, _A.REJECT), _do(_S5, _A.REJECT), _do(_S6, _A.REJECT)
_1, _2, _3, _5, _6 = _do(_S1), _do(_S2), _do(_S3), _do(_S5), _do(_S6)

TABLE: dict[tuple[FopState, Stimulus], Cell] = {
    # CLCWs. In S4 and S5 nothing is on its way, so that N(R) = V(S) is always E1 there, and E5 to E103 cannot be.
    **_row(_E.NOTHING_NEW, _1, _SYNCH, _SYNCH, _UP, _UP_BC, _6),
    **_row(_E.ALL_ACKNOWLEDGED, _ALL, _ALL, _ALL, None, None, _6),
    **_row(_E.WAIT_AT_VS, _CLCW, _CLCW, _CLCW, _CLCW, _CLCW, _6),
    **_row(_E.RETRANSMIT_AT_VS, _SYNCH, _SYNCH, _SYNCH, _SYNCH, _5, _6),
    **_row(_E.NONE_ACKNOWLEDGED, _1, _SYNCH, _SYNCH, None, None, _6),
    **_row(_E.SOME_ACKNOWLEDGED, _SOME, _SOME, _SOME, None, None, _6),
    **_row(_E.WAIT_WITHOUT_RETRANSMIT, _CLCW, _CLCW, _CLCW, None, None, _6),
    **_row(_E.LIMIT_ONE_SOME_ACKNOWLEDGED, _SOME_LIMIT, _SOME_LIMIT, _SOME_LIMIT, None, None, _6),
    **_row(_E.LIMIT_ONE_NONE_ACKNOWLEDGED, _LIMIT, _LIMIT, _LIMIT, None, None, _6),
    **_row(_E.RETRANSMIT_SOME_ACKNOWLEDGED, _SOME_AGAIN, _SOME_AGAIN, _SOME_AGAIN, None, None, _6),
    **_row(_E.RETRANSMIT_WAIT_SOME_ACKNOWLEDGED, _SOME_WAIT, _SOME_WAIT, _SOME_WAIT, None, None, _6),
    **_row(_E.RETRANSMIT, _AGAIN_2, _2, _AGAIN_2, None, None, _6),
    **_row(_E.RETRANSMIT_WAIT, _3, _3, _3, None, None, _6),
    **_row(_E.RETRANSMIT_AT_LIMIT, _2, _2, _2, None, None, _6),
    **_row(_E.RETRANSMIT_WAIT_AT_LIMIT, _3, _3, _3, None, None, _6),
    **_row(_E.IMPOSSIBLE_NR, _NNR, _NNR, _NNR, _NNR, _5, _6),
    **_row(_E.LOCKOUT, _LOCK, _LOCK, _LOCK, _LOCK, _5, _6),
    **_row(_E.INVALID_CLCW, _CLCW, _CLCW, _CLCW, _CLCW, _CLCW, _6),
    # The timer. It never runs in S6.
    **_row(_E.TIMER, _AGAIN_1, _AGAIN_2, _3, _T1, _AGAIN_BC, None),
    **_row(_E.TIMER_TYPE_ONE, _AGAIN_1, _AGAIN_2, _3, _SUSPEND, _AGAIN_BC, None),
    **_row(_E.TIMER_AT_LIMIT, _T1, _T1, _T1, _T1, _T1, None),
    **_row(_E.TIMER_AT_LIMIT_TYPE_ONE, _SUSPEND, _SUSPEND, _SUSPEND, _SUSPEND, _T1, None),
    # Requests to transfer.
    **_row(_E.TRANSFER_AD, _do(_S1, *_PUT), _do(_S2, *_PUT), _do(_S3, _A.ADD_TO_WAIT_QUEUE), _NO_4, _NO_5, _NO_6),
    **_stay(_E.TRANSFER_AD_NOT_READY, _A.REJECT),
    **_stay(_E.TRANSFER_BD, _A.TRANSMIT_BD),
    **_stay(_E.TRANSFER_BD_NOT_READY, _A.REJECT),
    # Directives. Outside S6 nothing is suspended, so that E31 to E34 cannot be.
    **_only_initial(_E.INITIATE_WITHOUT_CLCW, _A.INITIALISE, _A.CONFIRM, to=_S1),
    **_only_initial(_E.INITIATE_WITH_CLCW_CHECK, _A.INITIALISE, _A.START_TIMER, to=_S4),
    **_only_initial(_E.INITIATE_WITH_UNLOCK, _A.INITIALISE, _A.TRANSMIT_UNLOCK, to=_S5),
    **_stay(_E.INITIATE_WITH_UNLOCK_NOT_READY, _A.REJECT),
    **_only_initial(_E.INITIATE_WITH_SET_VR, _A.INITIALISE, _A.SET_VS, _A.TRANSMIT_SET_VR, to=_S5),
    **_stay(_E.INITIATE_WITH_SET_VR_NOT_READY, _A.REJECT),
    **_row(_E.TERMINATE, _END, _END, _END, _END, _END, _do(_S6, _A.INITIALISE, _A.CONFIRM)),
    **_stay(_E.RESUME_NOT_SUSPENDED, _A.REJECT),
    (_S6, _E.RESUME_ACTIVE): _do(_S1, _A.RESUME, _A.CONFIRM),
    (_S6, _E.RESUME_RETRANSMIT_WITHOUT_WAIT): _do(_S2, _A.RESUME, _A.CONFIRM),
    (_S6, _E.RESUME_RETRANSMIT_WITH_WAIT): _do(_S3, _A.RESUME, _A.CONFIRM),
    (_S6, _E.RESUME_INITIALISING): _do(_S4, _A.RESUME, _A.CONFIRM),
    **_only_initial(_E.SET_VS, _A.SET_VS, _A.CONFIRM, to=_S6),
    **_stay(_E.SET_WINDOW, _A.SET_WINDOW, _A.CONFIRM),
    **_stay(_E.SET_T1, _A.SET_T1, _A.CONFIRM),
    **_stay(_E.SET_TRANSMISSION_LIMIT, _A.SET_TRANSMISSION_LIMIT, _A.CONFIRM),
    **_stay(_E.SET_TIMEOUT_TYPE, _A.SET_TIMEOUT_TYPE, _A.CONFIRM),
    **_stay(_E.INVALID_DIRECTIVE, _A.REJECT),
    # What the transmitter says.
    **_stay(_E.AD_ACCEPTED, _A.AD_OUT_READY),
    (_S1, _E.AD_ACCEPTED): _do(_S1, _A.AD_OUT_READY, _A.LOOK_FOR_FDU),
    (_S2, _E.AD_ACCEPTED): _do(_S2, _A.AD_OUT_READY, _A.LOOK_FOR_FDU),
    **_row(_E.AD_REJECTED, *(_LLIF,) * 6),
    **_stay(_E.BC_ACCEPTED, _A.BC_OUT_READY),
    (_S5, _E.BC_ACCEPTED): _do(_S5, _A.BC_OUT_READY, _A.LOOK_FOR_DIRECTIVE),
    **_row(_E.BC_REJECTED, *(_LLIF,) * 6),
    **_stay(_E.BD_ACCEPTED, _A.BD_OUT_READY),
    **_row(_E.BD_REJECTED, *(_LLIF,) * 6),
}
"""Table 5-1: (state, event) -> (actions, next state)."""

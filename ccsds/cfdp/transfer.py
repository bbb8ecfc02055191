"""How far one transaction is, as housekeeping and an operator's console want it: a snapshot that moves nothing.

Source: CCSDS 727.0-B-5 3.5.14 (Report.indication).
"""

import msgspec

from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.events import Role, TransactionId
from ccsds.cfdp.receiver_table import ReceiverState
from ccsds.cfdp.sender_table import SenderState


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that is not over."""

    transaction: TransactionId
    role: Role
    far_end: int
    """Entity id of the other end."""
    source_name: str
    """Of the file at the sender, empty if it is not known yet or there is none; so with the next one."""
    destination_name: str
    size_octets: int | None
    """Of the file, None if it is not known yet."""
    done_octets: int
    """Sent at least once, or received."""
    state: SenderState | ReceiverState
    condition: ConditionCode
    """Why it is ending, `ConditionCode.NO_ERROR` if nothing is wrong."""
    is_suspended: bool

    def __str__(self) -> str:
        size = "?" if self.size_octets is None else self.size_octets
        name = self.source_name if self.role is Role.SENDER else self.destination_name
        suspended = ", suspended" if self.is_suspended else ""
        trouble = "" if self.condition is ConditionCode.NO_ERROR else f", {self.condition.name}"
        return (
            f"CFDP {self.transaction}: {self.role.value}, {name!r}, {self.done_octets} of {size} octets, "
            f"{self.state.value}{suspended}{trouble}"
        )

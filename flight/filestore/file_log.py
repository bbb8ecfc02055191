"""What the ground is told of transfers: the events of the CFDP entity as event reports, and counts for housekeeping.

PDUs that were refused are told of together, so that a flood of them does not fill the downlink.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable

from ccsds.cfdp import events as cfdp
from ccsds.cfdp.codes import ConditionCode, DeliveryCode, FileStatus
from ccsds.cfdp.events import Rejection, Role, TransactionId
from ccsds.cfdp.mib import Mib
from ccsds.cfdp.tlv import SUCCESSFUL
from ccsds.cfdp.transfer import Transfer
from flight.parameters import Source
from flight.reporter import Reporter, clip_reason
from mission.transfers import PduRefusal, TransferRole
from mission.words.files import (
    FILE_STORED,
    PDUS_REFUSED_FOR,
    PDUS_WERE_REFUSED,
    TRANSFER_ANSWERED,
    TRANSFER_FAILED,
    TRANSFER_FINISHED,
    TRANSFER_RESUMED,
    TRANSFER_STARTED,
    TRANSFER_SUSPENDED,
)

# As with frames that link security refuses: housekeeping has every one of them.
REFUSALS_TOLD_NS_MIN = 10_000_000_000

_ROLES = {Role.SENDER: TransferRole.SENDER, Role.RECEIVER: TransferRole.RECEIVER}


class FileLog:
    """Tells of transfers.

    Args:
        mib: The bounds of the entity.
        reporter: Where event reports go.
    """

    def __init__(self, mib: Mib, reporter: Reporter) -> None:
        self._reporter = reporter
        # No more transfers than these can have a fault that is not told yet.
        self._faults_max = 2 * mib.transactions_max
        self._faults: OrderedDict[TransactionId, str] = OrderedDict()
        self._sent_count = 0
        self._stored_count = 0
        self._failed_count = 0
        self._refused_counts: Counter[Rejection] = Counter()
        # Since refusals were last told.
        self._new_refusals: Counter[Rejection] = Counter()
        self._last_refusal: cfdp.PduRejected | None = None
        self._told_ns: int | None = None

    def follow(self, events: Iterable[cfdp.Event], transfers: Iterable[Transfer], now_ns: int) -> None:
        """Tell of what happened.

        Args:
            events: What the entity says.
            transfers: Those that are not over.
            now_ns: Now.
        """
        for event in events:
            match event:
                case cfdp.TransactionStarted(transaction, Role.SENDER):
                    name, size = next(
                        ((each.source_name, each.size_octets) for each in transfers if each.transaction == transaction),
                        ("", None),
                    )
                    self._tell_started(transaction, Role.SENDER, name, size or 0)
                case cfdp.MetadataReceived(transaction):
                    self._tell_started(transaction, Role.RECEIVER, event.destination_name, event.size_octets)
                case cfdp.FaultRaised(transaction):
                    self._faults[transaction] = event.detail
                    if len(self._faults) > self._faults_max:
                        self._faults.popitem(last=False)
                case cfdp.TransactionSuspended(transaction, role, condition):
                    self._reporter.event(
                        TRANSFER_SUSPENDED, **_identity(transaction), role=_ROLES[role], condition=condition
                    )
                case cfdp.TransactionResumed(transaction, role, progress):
                    self._reporter.event(
                        TRANSFER_RESUMED, **_identity(transaction), role=_ROLES[role], progress=progress
                    )
                case cfdp.ProgressReported(transaction, progress):
                    self._reporter.event(TRANSFER_ANSWERED, **_identity(transaction), progress=progress)
                case cfdp.TransactionFinished():
                    self._finish(event)
                case cfdp.PduRejected(rejection):
                    self._refused_counts[rejection] += 1
                    self._new_refusals[rejection] += 1
                    self._last_refusal = event
        self._tell_refusals(now_ns)

    def next_deadline(self) -> int | None:
        """Give when refusals can be told that were held back."""
        if self._told_ns is None or not self._new_refusals:
            return None
        return self._told_ns + REFUSALS_TOLD_NS_MIN

    def sources(self) -> dict[str, Source]:
        """Give where the parameters that are counted here have their values from."""
        refused = self._refused_counts
        refused_for: dict[str, Source] = {
            parameter.name: lambda _, rejection=Rejection[refusal.name]: refused.get(rejection, 0)
            for refusal, parameter in PDUS_REFUSED_FOR.items()
        }
        return {
            "files_sent": lambda _: self._sent_count,
            "files_stored": lambda _: self._stored_count,
            "transfers_failed": lambda _: self._failed_count,
            "pdus_refused": lambda _: refused.total(),
            **refused_for,
        }

    def _tell_started(self, transaction: TransactionId, role: Role, name: str, size_octets: int) -> None:
        self._reporter.event(TRANSFER_STARTED, **_identity(transaction), role=_ROLES[role], name=name, size=size_octets)

    def _finish(self, event: cfdp.TransactionFinished) -> None:
        fault = self._faults.pop(event.transaction, "")
        identity = _identity(event.transaction)
        if event.condition is ConditionCode.NO_ERROR and event.delivery is DeliveryCode.COMPLETE:
            if event.role is Role.SENDER and event.file_status in (FileStatus.RETAINED, FileStatus.UNREPORTED):
                self._sent_count += 1
                self._reporter.event(TRANSFER_FINISHED, **identity, name=event.name, size=event.size_octets)
                return
            if event.role is Role.RECEIVER and event.file_status is FileStatus.RETAINED:
                self._stored_count += 1
                self._reporter.event(FILE_STORED, **identity, name=event.name, size=event.size_octets)
                return
        refused = next((each for each in event.responses if each.status != SUCCESSFUL), None)
        if refused is not None and not fault:
            action = refused.action.name.lower().replace("_", " ")
            fault = f"{action} {refused.first_name}: {refused.message or 'refused'}"
        self._failed_count += 1
        self._reporter.event(
            TRANSFER_FAILED,
            **identity,
            role=_ROLES[event.role],
            condition=event.condition,
            name=event.name,
            reason=clip_reason(fault or event.file_status.name.lower().replace("_", " ")),
        )

    def _tell_refusals(self, now_ns: int) -> None:
        last = self._last_refusal
        is_due = self._told_ns is None or now_ns >= self._told_ns + REFUSALS_TOLD_NS_MIN
        if last is None or not is_due:
            return
        (most, _), *_ = self._new_refusals.most_common(1)
        self._reporter.event(
            PDUS_WERE_REFUSED,
            more=self._new_refusals.total(),
            count=self._refused_counts.total(),
            refusal=PduRefusal[most.name],
            condition=last.condition,
            reason=clip_reason(last.detail),
        )
        self._new_refusals.clear()
        self._last_refusal, self._told_ns = None, now_ns


def _identity(transaction: TransactionId) -> dict[str, int]:
    return {"source_entity": transaction.source, "sequence": transaction.sequence}

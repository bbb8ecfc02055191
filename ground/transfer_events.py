"""What a station gives out of files on their way: one frozen record for each thing that happens (`ground.events`)."""

from enum import Enum

from ccsds.cfdp.codes import ConditionCode, FileStatus
from ground.events import StationEvent, show
from ground.file_names import shown_name


class TransferDirection(Enum):
    """Which way a file goes."""

    UP = "up"
    DOWN = "down"


class TransferEvent(StationEvent, frozen=True, kw_only=True, tag=True):
    """What all records of a file on its way share."""

    transaction: str
    """Its CFDP transaction: the entity that sends, and its number there."""
    direction: TransferDirection
    source_name: str
    """Empty if it is not known yet; so with the next one."""
    destination_name: str
    size_octets: int | None

    @property
    def named(self) -> str:
        """The transfer, as the lines of all its records begin."""
        names = (
            f" {show(shown_name(self.source_name))} -> {show(self.destination_name)}" if self.destination_name else ""
        )
        return f"transfer {self.transaction} {self.direction.value}{names}"


class TransferStarted(TransferEvent, frozen=True, kw_only=True, tag=True):
    """A file is on its way: one that is sent from here, or one of which the first PDU came."""

    def __str__(self) -> str:
        return f"{self.named}: started"


class TransferProgressed(TransferEvent, frozen=True, kw_only=True, tag=True):
    """A file has come further; told at a bounded rate."""

    done_octets: int
    """Sent at least once, or received."""
    state: str
    contact_ns: int
    """Time in contact that this station has counted so far: rates are of this."""

    def __str__(self) -> str:
        size = "?" if self.size_octets is None else self.size_octets
        return f"{self.named}: {self.done_octets} of {size} octets, {self.state}"


class TransferSuspended(TransferEvent, frozen=True, kw_only=True, tag=True):
    """A file stands still until it is resumed."""

    text: str

    def __str__(self) -> str:
        return f"{self.named}: suspended, {self.text}"


class TransferResumed(TransferEvent, frozen=True, kw_only=True, tag=True):
    """A file goes on."""

    def __str__(self) -> str:
        return f"{self.named}: resumed"


class TransferAnswered(TransferEvent, frozen=True, kw_only=True, tag=True):
    """The receiver was asked how far it is."""

    received_octets: int

    def __str__(self) -> str:
        return f"{self.named}: {self.received_octets} octets are at the receiver"


class TransferFinished(TransferEvent, frozen=True, kw_only=True, tag=True):
    """A file has arrived, whole and under its name; in class 1 without closure nobody knows that of one sent."""

    file_status: FileStatus
    requests: tuple[str, ...] = ()
    """What became of each request that it brought along, in words."""

    def __str__(self) -> str:
        known = "" if self.file_status is FileStatus.RETAINED else ", unconfirmed"
        return f"{self.named}: finished, {self.size_octets} octets{known}{_listed(self.requests)}"


class TransferFailed(TransferEvent, frozen=True, kw_only=True, tag=True):
    """A file was given up; nothing of it is under its name."""

    condition: ConditionCode
    text: str
    requests: tuple[str, ...] = ()
    """As in `TransferFinished`."""

    def __str__(self) -> str:
        return f"{self.named}: failed, {self.text}{_listed(self.requests)}"


class PduRefused(StationEvent, frozen=True, kw_only=True, tag=True):
    """A PDU of CFDP came that could not be taken."""

    transaction: str
    """Empty if it names none."""
    reason: str

    def __str__(self) -> str:
        where = f" of transfer {self.transaction}" if self.transaction else ""
        return f"PDU{where} refused: {self.reason}"


class FilesHeld(StationEvent, frozen=True, kw_only=True, tag=True):
    """What the station has to say of files waits, since it cannot be protected."""

    reason: str

    def __str__(self) -> str:
        return f"files are held: {self.reason}"


def _listed(requests: tuple[str, ...]) -> str:
    return "".join(f"; {each}" for each in requests)

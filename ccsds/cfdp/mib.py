"""What CFDP is set to: the management information base, as data, and profiles for other implementations.

Times count contact only. `RemoteConfig` is set for each far end; ``dataclasses.replace(NASA_CFS, entity=24)`` makes one
from a profile.

Source: CCSDS 727.0-B-5 8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ccsds.cfdp.codes import ChecksumType, ConditionCode, HandlerCode, TransmissionMode
from ccsds.cfdp.header import FIELD_OCTETS_MAX, FIXED_OCTETS, ID_OCTETS_MAX
from ccsds.crc import CRC16_OCTETS
from ccsds.errors import MisuseError

SMALL_FILE_OCTETS_MAX = (1 << 32) - 1
"""The largest file whose sizes and offsets have 32 bits."""
LARGE_FILE_OCTETS_MAX = (1 << 64) - 1

# Before the data of a segment; 8 in files over 4 GiB, whose segments are 4 octets shorter for it.
_OFFSET_OCTETS = 4
_LARGE_OFFSET_OCTETS = 8

_MS = 1_000_000
_S = 1_000_000_000

DEFAULT_HANDLERS: Mapping[ConditionCode, HandlerCode] = {
    ConditionCode.POSITIVE_ACK_LIMIT_REACHED: HandlerCode.ABANDON,
    ConditionCode.KEEP_ALIVE_LIMIT_REACHED: HandlerCode.IGNORE,
    ConditionCode.INVALID_TRANSMISSION_MODE: HandlerCode.CANCEL,
    ConditionCode.FILESTORE_REJECTION: HandlerCode.CANCEL,
    ConditionCode.FILE_CHECKSUM_FAILURE: HandlerCode.CANCEL,
    ConditionCode.FILE_SIZE_ERROR: HandlerCode.CANCEL,
    ConditionCode.NAK_LIMIT_REACHED: HandlerCode.CANCEL,
    ConditionCode.INACTIVITY_DETECTED: HandlerCode.CANCEL,
    ConditionCode.INVALID_FILE_STRUCTURE: HandlerCode.CANCEL,
    ConditionCode.CHECK_LIMIT_REACHED: HandlerCode.CANCEL,
    # A file that cannot be verified is still better than none, and the standard asks for this one to be ignored.
    ConditionCode.UNSUPPORTED_CHECKSUM_TYPE: HandlerCode.IGNORE,
}


@dataclass(frozen=True, kw_only=True)
class RemoteConfig:
    """What is known of one far end, and how to deal with it."""

    entity: int
    """Its entity id."""
    mode: TransmissionMode = TransmissionMode.ACKNOWLEDGED
    """Of a put that does not say."""
    closure_requested: bool = False
    """Whether it is asked for a Finished in class 1, of a put that does not say."""
    checksum_type: ChecksumType = ChecksumType.CRC_32C
    has_crc: bool = False
    """Whether PDUs to it end in a CRC; those from it may or may not."""
    entity_octets: int = 2
    sequence_octets: int = 4
    segment_octets: int = 1024
    """Octets of the file in a PDU; see `segment_octets_of` for files over 4 GiB."""
    pdu_octets_max: int = FIELD_OCTETS_MAX
    """Of a whole PDU to it; NAKs are split to this."""
    file_octets_max: int = LARGE_FILE_OCTETS_MAX
    """No larger file is sent to it or taken from it."""
    nak_segments_max: int = 256
    """Requests in one NAK."""
    round_trip_ns: int = 500 * _MS
    """There and back, until it is measured."""
    nak_delay_ns: int = 20 * _MS
    """How long a gap waits for PDUs that only came out of order."""
    nak_interval_ns: int = 50 * _MS
    """Between NAKs while data comes."""
    nak_interval_max_ns: int = 10 * _S
    """Between NAKs when nothing comes."""
    nak_limit: int = 4000
    """NAKs in a row without anything heard from the far end, in this transaction or another, before a fault. At the
    longest interval these are eleven hours of contact: a sender that an operator suspended says nothing either, so that
    whoever wants to give up sooner sets it lower."""
    nak_hold_off_ns: int = 0
    """How long what was asked for is not asked for again. 0: every NAK lists all that is missing, for a sender that
    knows what it has sent already, as ours does."""
    reports_in_full: bool = True
    """Whether its NAKs list all that is missing in their scope, so that they confirm the rest."""
    asks_beyond_progress: bool = True
    """Whether it understands to be asked for what it may not have sent yet, as at acquisition of signal."""
    ack_interval_ns: int = 0
    """Until an EOF or Finished is sent again. 0: half a round trip, as measured."""
    ack_interval_max_ns: int = 10 * _S
    """The interval doubles up to this."""
    ack_limit: int = 64
    """EOFs or Finished without an answer before a fault: ten minutes of contact."""
    check_interval_ns: int = 5 * _S
    """Class 1: how long the receiver waits for data after EOF, and the sender for Finished."""
    check_limit: int = 3
    repeats: int = 0
    """Class 1: how often Metadata and EOF are sent again when all was sent, since nobody asks for them."""
    repeat_interval_ns: int = 1 * _S
    """Between these: longer than what is lost in one burst."""
    inactivity_ns: int = 60 * _S
    """How long the receiver hears nothing before it asks, or counts."""
    inactivity_limit: int = 600
    """Such times before a fault: ten hours of contact, which a transaction of low priority may have to wait."""
    keep_alive_ns: int = 0
    """Between Keep Alive PDUs to it; 0: none."""
    keep_alive_limit_octets: int = 0
    """How far it may be behind before a fault; 0: as far as it likes."""
    tail_octets_max: int = 4 << 20
    """How much of the unconfirmed end of a file idle slots send again; 0: none. 4 MiB are what is on its way at
    50 Mbit/s and 600 ms."""
    keeps_incomplete: bool = False
    """Whether what came of a file that is given up is kept, under its name and ``.incomplete``."""
    handlers: Mapping[ConditionCode, HandlerCode] = field(default_factory=lambda: dict(DEFAULT_HANDLERS))
    """What each fault does."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        for name in ("entity_octets", "sequence_octets"):
            if not 1 <= getattr(self, name) <= ID_OCTETS_MAX:
                raise MisuseError(f"MIB: expected {name} 1 to {ID_OCTETS_MAX}, found {getattr(self, name)}")
        for name in (
            "nak_delay_ns",
            "nak_interval_ns",
            "check_interval_ns",
            "inactivity_ns",
            "round_trip_ns",
            "repeat_interval_ns",
        ):
            if getattr(self, name) <= 0:
                raise MisuseError(f"MIB: expected {name} above 0, found {getattr(self, name)}")
        if not 0 <= self.entity < 1 << 8 * self.entity_octets:
            raise MisuseError(f"MIB: expected an entity of {self.entity_octets} octets, found {self.entity}")
        if self.nak_interval_max_ns < self.nak_interval_ns or self.ack_interval_max_ns < self.ack_interval_ns:
            raise MisuseError("MIB: expected the longest intervals not to be below the first ones")
        header_octets = FIXED_OCTETS + 2 * self.entity_octets + self.sequence_octets
        longest = self.pdu_octets_max - header_octets - _OFFSET_OCTETS - (CRC16_OCTETS if self.has_crc else 0)
        if not 1 <= self.segment_octets <= longest:
            raise MisuseError(f"MIB: expected segments of 1 to {longest} octets, found {self.segment_octets}")
        if self.nak_segments_max < 1:
            raise MisuseError(f"MIB: expected at least 1 request in a NAK, found {self.nak_segments_max}")

    def segment_octets_of(self, is_large: bool) -> int:
        """Give the octets of a file in a PDU, which is as long in large files as in others, so that it fits a frame.

        Args:
            is_large: Whether offsets have 64 bits.
        """
        longer_octets = _LARGE_OFFSET_OCTETS - _OFFSET_OCTETS if is_large else 0
        return max(1, self.segment_octets - longer_octets)

    def handler(self, condition: ConditionCode) -> HandlerCode:
        """Give what a fault does."""
        return self.handlers.get(condition, HandlerCode.IGNORE)


@dataclass(frozen=True, kw_only=True)
class Mib:
    """What an entity is set to."""

    entity: int
    """Its own id."""
    remotes: tuple[RemoteConfig, ...]
    """The far ends that it deals with; others are foreign."""
    part_directory: str = ".cfdp"
    """Where files wait until they are whole; no file can be sent there."""
    transactions_max: int = 1024
    """At once, of each direction. Each takes up to 64 KiB, and a forged Metadata opens one."""
    finished_max: int = 4096
    """Finished transactions that are remembered, so that late PDUs are answered."""

    def __post_init__(self) -> None:
        """Refuse two far ends of the same id.

        Raises:
            MisuseError: There are.
        """
        entities = [remote.entity for remote in self.remotes]
        if len(set(entities)) != len(entities):
            raise MisuseError(f"MIB: expected every far end once, found {entities}")

    def remote(self, entity: int) -> RemoteConfig | None:
        """Give what is known of a far end, None if it is foreign."""
        return next((remote for remote in self.remotes if remote.entity == entity), None)


NASA_CFS = RemoteConfig(
    entity=0,
    checksum_type=ChecksumType.MODULAR,
    segment_octets=440,
    pdu_octets_max=512,
    file_octets_max=SMALL_FILE_OCTETS_MAX,
    nak_segments_max=58,
    nak_hold_off_ns=2 * _S,
    reports_in_full=False,
    asks_beyond_progress=False,
    ack_interval_ns=3 * _S,
    entity_octets=1,
    sequence_octets=4,
)
"""NASA's CF application: modular checksum, 32-bit sizes, at most 58 requests in a NAK, PDUs of 512 octets."""

YAMCS = RemoteConfig(
    entity=0,
    checksum_type=ChecksumType.MODULAR,
    has_crc=False,
    segment_octets=512,
    pdu_octets_max=1024,
    file_octets_max=SMALL_FILE_OCTETS_MAX,
    nak_hold_off_ns=2 * _S,
    reports_in_full=False,
    asks_beyond_progress=False,
    ack_interval_ns=3 * _S,
    entity_octets=2,
    sequence_octets=4,
)
"""Yamcs: modular checksum, 32-bit sizes, no CRC."""

CFDP_PY = RemoteConfig(
    entity=0,
    checksum_type=ChecksumType.CRC_32,
    nak_hold_off_ns=1 * _S,
    reports_in_full=False,
    asks_beyond_progress=False,
    ack_interval_ns=1 * _S,
    entity_octets=1,
    sequence_octets=2,
)
"""cfdp-py 0.7: CRC-32, NAKs that list only what is new."""

LIBRECUBE = RemoteConfig(
    entity=0,
    checksum_type=ChecksumType.MODULAR,
    file_octets_max=SMALL_FILE_OCTETS_MAX,
    nak_hold_off_ns=1 * _S,
    reports_in_full=False,
    asks_beyond_progress=False,
    ack_interval_ns=1 * _S,
    entity_octets=1,
    sequence_octets=1,
)
"""LibreCube's cfdp 2: modular checksum, 32-bit sizes."""

"""The words of ST[23] file management, and of the transfers by CFDP that it begins. Data only.

Subtypes up to 24 are those of the standard; a name is one text in place of its repository path and file name. The
mission's own are [23,130] to [23,132]. What the standard calls a file copy operation is a CFDP transaction here, known
by its source entity and sequence number.

Source: ECSS-E-ST-70-41C 6.23 and 8.23; CCSDS 727.0-B-5.
"""

from ccsds.cfdp.codes import ConditionCode, PromptResponse, TransmissionMode
from ccsds.cfdp.filestore import NAME_OCTETS_MAX
from ccsds.cfdp.tlv import FilestoreAction
from mission.dictionary import (
    Command,
    EventDefinition,
    Hazard,
    Parameter,
    Repeat,
    Report,
    Severity,
    Structure,
    Words,
    counter,
)
from mission.field_types import Enumerated, Octets, Text, UInt
from mission.fields import REQUIRED, Field, Layout, Rows
from mission.transfers import FileChecksum, FileKind, PduRefusal, TransferRole

NS_PER_S = 1_000_000_000

SHA256_OCTETS = 32

# Rows of a report fill so much, so that the report fits into one or two frames of every profile but the slowest.
PAGE_OCTETS_MAX = 900
# A row has at least 11 octets; more than so many never fit into a page.
PAGE_ROWS_MAX = 80

TRANSFERS_SENDING = counter(230, "transfers_sending", "files on their way down")
TRANSFERS_RECEIVING = counter(231, "transfers_receiving", "files on their way up")
FILES_SENT = counter(232, "files_sent", "files sent, and confirmed where that was asked for")
FILES_STORED = counter(233, "files_stored", "files received whole and stored")
TRANSFERS_FAILED = counter(234, "transfers_failed", "transfers that ended without success")
PDUS_SENT = counter(235, "pdus_sent", "CFDP PDUs sent")
PDUS_RECEIVED = counter(236, "pdus_received", "CFDP PDUs received, refused ones too")
PDU_OCTETS_SENT = Parameter(id=237, shape=Field("pdu_octets_sent", UInt(64), "octets of CFDP PDUs sent", unit="octets"))
PDU_OCTETS_RECEIVED = Parameter(
    id=238, shape=Field("pdu_octets_received", UInt(64), "octets of CFDP PDUs received", unit="octets")
)
FILES_FREE_OCTETS = Parameter(
    id=239, shape=Field("files_free_octets", UInt(64), "room for more files in the store", unit="octets")
)
PACKETS_MISPLACED = counter(240, "packets_misplaced", "packets that came up on a virtual channel not meant for them")
PDUS_REFUSED = counter(241, "pdus_refused", "CFDP PDUs refused, for any reason")
PDUS_REFUSED_FOR = {
    refusal: counter(241 + refusal, f"pdus_{refusal.name.lower()}", f"CFDP PDUs refused: {text}")
    for refusal, text in (
        (PduRefusal.MALFORMED, "not what the standard says, or lying about the length"),
        (PduRefusal.FOREIGN_ENTITY, "for another entity, or from one that is not known"),
        (PduRefusal.UNKNOWN_TRANSACTION, "of a transaction that there is not"),
        (PduRefusal.OUT_OF_PLACE, "nobody sends it in this direction or state"),
        (PduRefusal.CONTRADICTION, "says other than an earlier one"),
        (PduRefusal.BEYOND_FILE, "beyond the end of its file"),
        (PduRefusal.NO_ROOM, "too many transfers or gaps, or no room in the store"),
        (PduRefusal.SPOILT, "of a file that the store did not hold as it came, and that was asked for again"),
    )
}
"""By reason."""

_NAME = Field("name", Text(NAME_OCTETS_MAX), "name in the store of files", default=REQUIRED)
_DIRECTORY = Field("directory", Text(NAME_OCTETS_MAX), "directory in the store of files; empty for all of it")
_SOURCE_ENTITY = Field("source_entity", UInt(8), "CFDP entity that sends", default=REQUIRED)
_SEQUENCE = Field("sequence", UInt(32), "number of its transaction", default=REQUIRED)
_ROLE = Field("role", Enumerated(TransferRole), "which end the spacecraft is")
_SIZE = Field("size", UInt(64), "its length", unit="octets")
_CONDITION = Field("condition", Enumerated(ConditionCode), "condition code of CFDP")
_REASON = Field("reason", Text(200), "why")
_TRANSFER = (_SOURCE_ENTITY, _SEQUENCE)
_RESPONSE = Field("response", Enumerated(PromptResponse), "what it is to say", default=PromptResponse.KEEP_ALIVE)
_FILE_NAME = Field("name", Text(NAME_OCTETS_MAX), "of the file on board")
_FIRST = Field("first", UInt(32), "number of the first row in this report")
_CHOSEN_FIRST = Field("first", UInt(32), "number of the first row wanted", default=0)
_TOTAL = Field("total", UInt(32), "rows that there are")

STORE_REQUESTS_MAX = 8
"""Requests with one file: an operator types them."""
_STORE_REQUEST = Layout(
    (
        Field("action", Enumerated(FilestoreAction), "what is done", default=REQUIRED),
        Field("first", Text(NAME_OCTETS_MAX), "the name that it is done to", default=REQUIRED),
        Field("second", Text(NAME_OCTETS_MAX), "the other name, of those that take two", default=""),
    )
)

TRANSFER_STARTED = EventDefinition(
    id=230,
    name="transfer_started",
    severity=Severity.INFORMATIVE,
    text="transfer {source_entity}-{sequence} of {name} began, {role} of {size} octets",
    fields=Layout((*_TRANSFER, _ROLE, _FILE_NAME, _SIZE)),
)
TRANSFER_FINISHED = EventDefinition(
    id=231,
    name="transfer_finished",
    severity=Severity.INFORMATIVE,
    text="transfer {source_entity}-{sequence} is over: {name}, {size} octets, was sent",
    fields=Layout((*_TRANSFER, _FILE_NAME, _SIZE)),
)
FILE_STORED = EventDefinition(
    id=232,
    name="file_stored",
    severity=Severity.INFORMATIVE,
    text="transfer {source_entity}-{sequence} is over: {name}, {size} octets, is whole, verified and stored",
    fields=Layout((*_TRANSFER, _FILE_NAME, _SIZE)),
)
TRANSFER_FAILED = EventDefinition(
    id=233,
    name="transfer_failed",
    severity=Severity.MEDIUM,
    text="transfer {source_entity}-{sequence} of {name} failed at the {role}, {condition}: {reason}",
    fields=Layout((*_TRANSFER, _ROLE, _CONDITION, _FILE_NAME, _REASON)),
)
TRANSFER_SUSPENDED = EventDefinition(
    id=234,
    name="transfer_suspended",
    severity=Severity.INFORMATIVE,
    text="transfer {source_entity}-{sequence} stands still, {condition}",
    fields=Layout((*_TRANSFER, _ROLE, _CONDITION)),
)
TRANSFER_RESUMED = EventDefinition(
    id=235,
    name="transfer_resumed",
    severity=Severity.INFORMATIVE,
    text="transfer {source_entity}-{sequence} goes on at {progress} octets",
    fields=Layout((*_TRANSFER, _ROLE, Field("progress", UInt(64), "how far it is", unit="octets"))),
)
PDUS_WERE_REFUSED = EventDefinition(
    id=236,
    name="pdus_refused",
    severity=Severity.MEDIUM,
    text="{more} CFDP PDUs refused, {count} since the start, most of them {refusal}; the last, {condition}: {reason}",
    fields=Layout(
        (
            Field("more", UInt(32), "since this was last told"),
            Field("count", UInt(32), "since the start"),
            Field("refusal", Enumerated(PduRefusal), "the most frequent reason since this was last told"),
            _CONDITION,
            _REASON,
        )
    ),
)
TRANSFERS_FORGOTTEN = EventDefinition(
    id=237,
    name="transfers_forgotten",
    severity=Severity.HIGH,
    text="the journal of transfers was damaged: {octets} octets of it and {records} records are gone: {reason}",
    fields=Layout(
        (
            Field("octets", UInt(64), "that were no whole record", unit="octets"),
            Field("records", UInt(32), "that meant nothing to this software"),
            _REASON,
        )
    ),
)
TRANSFER_ANSWERED = EventDefinition(
    id=238,
    name="transfer_answered",
    severity=Severity.INFORMATIVE,
    text="the receiver of transfer {source_entity}-{sequence} has {progress} octets",
    fields=Layout((*_TRANSFER, Field("progress", UInt(64), "how far it is", unit="octets"))),
)

WORDS = Words(
    commands=(
        Command(
            name="file.delete",
            service=23,
            subtype=2,
            description="Delete a file on board; one that is being sent is refused.",
            arguments=Layout((_NAME,)),
            repeat=Repeat.ONCE,
            hazard=Hazard.LOSES_FILE,
        ),
        Command(
            name="file.attributes",
            service=23,
            subtype=3,
            description="Report the length and the SHA-256 digest of a file on board, once it is computed.",
            arguments=Layout((_NAME,)),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="directory.make",
            service=23,
            subtype=9,
            description="Make a directory on board.",
            arguments=Layout((_NAME,)),
            repeat=Repeat.ONCE,
        ),
        Command(
            name="directory.remove",
            service=23,
            subtype=10,
            description="Remove an empty directory on board.",
            arguments=Layout((_NAME,)),
            repeat=Repeat.ONCE,
        ),
        Command(
            name="file.list",
            service=23,
            subtype=12,
            description="Report what is in a directory on board, a page at a time.",
            arguments=Layout(
                (Field("directory", Text(NAME_OCTETS_MAX), _DIRECTORY.description, default=""), _CHOSEN_FIRST)
            ),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="file.send",
            service=23,
            subtype=14,
            description="Send a file on board to the ground by CFDP; its transfer is reported by number.",
            arguments=Layout(
                (
                    _NAME,
                    Field("destination", Text(NAME_OCTETS_MAX), "name at the ground; empty for the same", default=""),
                    Field("priority", UInt(8), "0 goes first; equals take turns", minimum=0, maximum=7, default=4),
                    Field(
                        "mode",
                        Enumerated(TransmissionMode),
                        "class 2 (acknowledged) asks again for what is lost, class 1 does not",
                        default=TransmissionMode.ACKNOWLEDGED,
                    ),
                    Field(
                        "closure",
                        UInt(8),
                        "1 asks for word of the end in class 1; class 2 has it anyway",
                        minimum=0,
                        maximum=1,
                        default=0,
                    ),
                    Field(
                        "checksum",
                        Enumerated(FileChecksum),
                        "how the file is summed",
                        default=FileChecksum.AS_PROFILE,
                    ),
                    Field(
                        "requests",
                        Rows(_STORE_REQUEST, STORE_REQUESTS_MAX, 0),
                        "done at the ground once the file is there, in order, until one fails",
                        default=(),
                    ),
                )
            ),
            repeat=Repeat.ONCE,
        ),
        Command(
            name="file.move",
            service=23,
            subtype=15,
            description="Give a file on board another name, which nothing has yet; one that is being sent is refused.",
            arguments=Layout((_NAME, Field("destination", Text(NAME_OCTETS_MAX), "its new name", default=REQUIRED))),
            repeat=Repeat.ONCE,
        ),
        Command(
            name="transfer.suspend",
            service=23,
            subtype=16,
            description="Let a transfer stand still at the spacecraft until it is resumed.",
            arguments=Layout(_TRANSFER),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="transfer.resume",
            service=23,
            subtype=17,
            description="Let a transfer go on.",
            arguments=Layout(_TRANSFER),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="transfer.cancel",
            service=23,
            subtype=18,
            description="End a transfer at both ends.",
            arguments=Layout(_TRANSFER),
            repeat=Repeat.IDEMPOTENT,
            hazard=Hazard.LOSES_WORK,
        ),
        Command(
            name="transfer.prompt",
            service=23,
            subtype=132,
            description="Ask the receiver of a file that is sent from the spacecraft how far it is, or what it misses.",
            arguments=Layout((*_TRANSFER, _RESPONSE)),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="transfer.report",
            service=23,
            subtype=130,
            description="Report the transfers that are not over and how far they are, a page at a time.",
            arguments=Layout((_CHOSEN_FIRST,)),
            repeat=Repeat.IDEMPOTENT,
        ),
    ),
    reports=(
        Report(
            name="file_attributes",
            service=23,
            subtype=4,
            description="Length and digest of a file; sent on request, once they are known.",
            fields=Layout(
                (
                    _FILE_NAME,
                    _SIZE,
                    Field("sha256", Octets(SHA256_OCTETS), "digest of its content, empty if it could not be read"),
                    Field("failure", Text(200), "why it could not be read"),
                )
            ),
        ),
        Report(
            name="file_list",
            service=23,
            subtype=13,
            description="What is in a directory, in order of names; sent on request.",
            fields=Layout(
                (
                    _DIRECTORY,
                    _TOTAL,
                    _FIRST,
                    Field(
                        "entries",
                        Rows(
                            Layout((_FILE_NAME, Field("kind", Enumerated(FileKind), "what it is"), _SIZE)),
                            PAGE_ROWS_MAX,
                            0,
                        ),
                        "names below the directory",
                    ),
                )
            ),
        ),
        Report(
            name="transfer_report",
            service=23,
            subtype=23,
            description="The transfers that are not over; sent on request.",
            fields=Layout(
                (
                    _TOTAL,
                    _FIRST,
                    Field(
                        "transfers",
                        Rows(
                            Layout(
                                (
                                    *_TRANSFER,
                                    _ROLE,
                                    _FILE_NAME,
                                    _SIZE,
                                    Field("done", UInt(64), "sent at least once, or received", unit="octets"),
                                    _CONDITION,
                                    Field("is_suspended", UInt(8), "1 if it stands still"),
                                )
                            ),
                            PAGE_ROWS_MAX,
                            0,
                        ),
                        "how far each is",
                    ),
                )
            ),
        ),
        Report(
            name="transfer_accepted",
            service=23,
            subtype=131,
            description="The number of a transfer that a command began.",
            fields=Layout((*_TRANSFER, _FILE_NAME, _SIZE)),
        ),
    ),
    structures=(
        Structure(
            id=23,
            name="files",
            description="Files and their transfers by CFDP.",
            parameters=(
                TRANSFERS_SENDING,
                TRANSFERS_RECEIVING,
                FILES_SENT,
                FILES_STORED,
                TRANSFERS_FAILED,
                PDUS_SENT,
                PDUS_RECEIVED,
                PDU_OCTETS_SENT,
                PDU_OCTETS_RECEIVED,
                FILES_FREE_OCTETS,
                PACKETS_MISPLACED,
                PDUS_REFUSED,
                *PDUS_REFUSED_FOR.values(),
            ),
            period_ns=10 * NS_PER_S,
        ),
    ),
    events=(
        TRANSFER_STARTED,
        TRANSFER_FINISHED,
        FILE_STORED,
        TRANSFER_FAILED,
        TRANSFER_SUSPENDED,
        TRANSFER_RESUMED,
        PDUS_WERE_REFUSED,
        TRANSFERS_FORGOTTEN,
        TRANSFER_ANSWERED,
    ),
)

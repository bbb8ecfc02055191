"""The words of the flight software itself: that it started, how it is, what became of telecommands. Data only."""

from mission.dictionary import EventDefinition, Parameter, Setting, Severity, Structure, Words, counter
from mission.field_types import Octets, Text, UInt
from mission.fields import Field, Layout

NS_PER_S = 1_000_000_000


BOOT_COUNT = counter(1, "boot_count", "times the flight software has started on this store")
UPTIME = Parameter(id=2, shape=Field("uptime", UInt(32), "time since the flight software started", unit="s"))
DICTIONARY_DIGEST = Parameter(id=3, shape=Field("dictionary_digest", Octets(8), "digest of the dictionary on board"))
COMMANDS_EXECUTED = counter(10, "commands_executed", "telecommands that completed")
COMMANDS_REFUSED = counter(11, "commands_refused", "telecommands that failed acceptance or execution")
COMMANDS_REPEATED = counter(12, "commands_repeated", "telecommands that came again and were answered from the journal")
FRAMES_ACCEPTED = counter(13, "frames_accepted", "TC frames accepted by FARM-1 and link security")
FRAMES_REJECTED = counter(14, "frames_rejected", "TC frames, CLTUs and packets rejected")
FRAMES_SENT = counter(15, "frames_sent", "TM frames sent")
PACKETS_DROPPED = counter(16, "packets_dropped", "telemetry packets dropped because their queue was full")
JOURNAL_OCTETS = Parameter(id=17, shape=Field("journal_octets", UInt(64), "length of the journal", unit="octets"))
KEEP_ALIVE = Setting(
    id=210,
    shape=Field(
        "keep_alive",
        UInt(32),
        "an idle frame leaves when nothing else has for this long; the ground counts on one in three seconds",
        unit="ms",
        minimum=100,
        maximum=2_500,
        default=1_000,
    ),
)
_REASON = Field("reason", Text(200), "why")
BOOTED = EventDefinition(
    id=1,
    name="booted",
    severity=Severity.INFORMATIVE,
    text="flight software started, boot {boot_count}, dictionary {dictionary_digest}",
    fields=Layout(
        (
            Field("boot_count", UInt(32), "times it has started"),
            Field("dictionary_digest", Octets(8), "digest of the dictionary on board"),
        )
    ),
)
BEACON_PERIOD = Setting(
    id=211,
    shape=Field(
        "beacon_period",
        UInt(32),
        "between two beacons, out of contact and in SAFE; 0 for none",
        unit="s",
        maximum=86_400,
        default=300,
    ),
)
COMMAND_REPEATED = EventDefinition(
    id=6,
    name="command_repeated",
    severity=Severity.INFORMATIVE,
    text="telecommand {sequence_count} of source {source_id} came again and was answered from the journal",
    fields=Layout((Field("sequence_count", UInt(16)), Field("source_id", UInt(16)))),
)
JOURNAL_MENDED = EventDefinition(
    id=7,
    name="journal_mended",
    severity=Severity.LOW,
    text="the journal ended in {octets} octets that were never whole; they were dropped",
    fields=Layout((Field("octets", UInt(64), unit="octets"),)),
)
STORE_FAILED = EventDefinition(
    id=8,
    name="store_failed",
    severity=Severity.HIGH,
    text="the store failed: {reason}",
    fields=Layout((_REASON,)),
)

WORDS = Words(
    parameters=(KEEP_ALIVE, BEACON_PERIOD),
    structures=(
        Structure(
            id=1,
            name="core",
            description="The flight software itself and its link.",
            parameters=(
                BOOT_COUNT,
                UPTIME,
                DICTIONARY_DIGEST,
                COMMANDS_EXECUTED,
                COMMANDS_REFUSED,
                COMMANDS_REPEATED,
                FRAMES_ACCEPTED,
                FRAMES_REJECTED,
                FRAMES_SENT,
                PACKETS_DROPPED,
                JOURNAL_OCTETS,
            ),
            period_ns=5 * NS_PER_S,
        ),
    ),
    events=(
        BOOTED,
        COMMAND_REPEATED,
        JOURNAL_MENDED,
        STORE_FAILED,
    ),
)

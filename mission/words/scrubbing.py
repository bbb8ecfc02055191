"""The words of mission service [136] scrubbing. Data only."""

from mission.dictionary import Command, EventDefinition, Parameter, Repeat, Report, Setting, Severity, Words, counter
from mission.field_types import Text, UInt
from mission.fields import Field, Layout

SCRUB_PASSES = counter(660, "scrub_passes", "times the whole store was looked through since the start")
SCRUB_OCTETS = Parameter(
    id=661, shape=Field("scrub_octets", UInt(64), "octets looked at since the start", unit="octets")
)
SCRUB_MENDED = counter(662, "scrub_mended", "files, and times the journal, mended since the start")
SCRUB_LOST = counter(663, "scrub_lost", "files found damaged that nothing could mend, since the start")
SCRUB_FILES = counter(664, "scrub_files", "files under care")
SCRUB_COPIES_OCTETS = Parameter(
    id=665, shape=Field("scrub_copies_octets", UInt(64), "what second copies take in the store", unit="octets")
)
SCRUB_PERIOD = Setting(
    id=666,
    shape=Field(
        "scrub_period",
        UInt(32),
        "between the beginnings of two passes; 0 for none",
        unit="s",
        maximum=31_536_000,
        default=21_600,
    ),
)
SCRUB_RATE = Setting(
    id=667,
    shape=Field(
        "scrub_rate",
        UInt(32),
        "what is looked at in a second at most",
        unit="octets/s",
        minimum=4_096,
        default=1 << 20,
    ),
)
SCRUB_COPIES_MAX = Setting(
    id=668,
    shape=Field(
        "scrub_copies_max",
        UInt(64),
        "what second copies of files may take in the store; beyond it only digests are kept",
        unit="octets",
        default=1 << 30,
    ),
)

_PATH = Field("path", Text(450), "in the store")
_OCTETS = Field("octets", UInt(64), "its length", unit="octets")

FILE_MENDED = EventDefinition(
    id=330,
    name="file_mended",
    severity=Severity.LOW,
    text="{path} was damaged or gone, and is mended from its second copy: {octets} octets",
    fields=Layout((_PATH, _OCTETS)),
)
FILE_LOST = EventDefinition(
    id=331,
    name="file_lost",
    severity=Severity.HIGH,
    text="{path} is damaged, and nothing can mend it; what is there of it is called {path}.damaged now",
    fields=Layout((_PATH, _OCTETS)),
)
COPY_RENEWED = EventDefinition(
    id=332,
    name="copy_renewed",
    severity=Severity.LOW,
    text="the second copy of {path} was damaged, and is made anew",
    fields=Layout((_PATH,)),
)
JOURNAL_REWRITTEN = EventDefinition(
    id=333,
    name="journal_rewritten",
    severity=Severity.LOW,
    text="the journal or its second copy was damaged from octet {position} on, and is written anew from memory",
    fields=Layout((Field("position", UInt(64), "where", unit="octets"),)),
)
JOURNAL_RESTORED = EventDefinition(
    id=334,
    name="journal_restored",
    severity=Severity.LOW,
    text="{octets} octets of the journal were damaged, and are taken from its second copy",
    fields=Layout((_OCTETS,)),
)
SCRUB_FAILED = EventDefinition(
    id=335,
    name="scrub_failed",
    severity=Severity.LOW,
    text="scrubbing met a failure of the store, and goes on elsewhere: {reason}",
    fields=Layout((Field("reason", Text(500), "what happened"),)),
)

JOURNAL_LOST = EventDefinition(
    id=336,
    name="journal_lost",
    severity=Severity.HIGH,
    text="{octets} octets of the journal can be read in neither copy: what they told is not known any more",
    fields=Layout((_OCTETS,)),
)

_COUNTS = (SCRUB_PASSES, SCRUB_OCTETS, SCRUB_MENDED, SCRUB_LOST, SCRUB_FILES, SCRUB_COPIES_OCTETS)

WORDS = Words(
    commands=(
        Command(
            name="scrub.start",
            service=136,
            subtype=1,
            description="Look through the whole store now, within the set rate.",
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="scrub.report",
            service=136,
            subtype=2,
            description="Report what scrubbing has done since the start.",
            repeat=Repeat.IDEMPOTENT,
            in_safe=True,
        ),
    ),
    reports=(
        Report(
            name="scrub_report",
            service=136,
            subtype=130,
            description="What scrubbing has done since the start; sent on request.",
            fields=Layout(tuple(each.shape for each in _COUNTS)),
        ),
    ),
    parameters=(*_COUNTS, SCRUB_PERIOD, SCRUB_RATE, SCRUB_COPIES_MAX),
    events=(FILE_MENDED, FILE_LOST, COPY_RENEWED, JOURNAL_REWRITTEN, JOURNAL_RESTORED, SCRUB_FAILED, JOURNAL_LOST),
)

"""The words of ST[21] request sequencing (ECSS-E-ST-70-41C 6.21 and 8.21): stored procedures. Data only.

A request sequence is a text here (`flight.procedures.text`), uploaded as a file or sent in a command, and is known by
its name.
"""

from mission.dictionary import (
    Command,
    EventDefinition,
    Hazard,
    Repeat,
    Report,
    Setting,
    Severity,
    Structure,
    Words,
    counter,
)
from mission.field_types import Enumerated, Octets, Text, UInt
from mission.fields import Field, Layout, Rows
from mission.procedures import (
    CONTENT_OCTETS_MAX,
    DIRECT_OCTETS_MAX,
    NAME_OCTETS_MAX,
    PROCEDURES_MAX,
    Activity,
    ProcedureEnd,
)
from mission.schedule import Fate

NS_PER_S = 1_000_000_000

PROCEDURE_RATE = Setting(
    id=120,
    shape=Field(
        "procedure_rate",
        UInt(8),
        "commands that all procedures together may send in a second",
        unit="1/s",
        minimum=1,
        maximum=50,
        default=5,
    ),
)
PROCEDURES_LOADED = counter(121, "procedures_loaded", "procedures on board")
PROCEDURES_RUNNING = counter(122, "procedures_running", "procedures that run")
PROCEDURE_COMMANDS = counter(123, "procedure_commands", "commands that procedures have sent")

_NAME = Field("procedure", Text(NAME_OCTETS_MAX), "its name")
_NAMED = Layout((_NAME,))
_SHA256 = Field("sha256", Octets(32), "digest of its text")
_OCTETS = Field("octets", UInt(16), "length of its text", unit="octets")
_POSITION = Field("position", UInt(16), "where in the text it begins", unit="octets", default=0)

PROCEDURE_STARTED = EventDefinition(
    id=120,
    name="procedure_started",
    severity=Severity.INFORMATIVE,
    text="procedure {procedure} started, run {run}",
    fields=Layout((_NAME, Field("run", UInt(32), "counted up"))),
)
PROCEDURE_STEP_FAILED = EventDefinition(
    id=121,
    name="procedure_step_failed",
    severity=Severity.MEDIUM,
    text="procedure {procedure}, line {line}: {fate}: {reason}",
    fields=Layout((_NAME, Field("line", UInt(16)), Field("fate", Enumerated(Fate)), Field("reason", Text(200)))),
)
PROCEDURE_ENDED = EventDefinition(
    id=122,
    name="procedure_ended",
    severity=Severity.INFORMATIVE,
    text="procedure {procedure} ended: {end}",
    fields=Layout((_NAME, Field("end", Enumerated(ProcedureEnd)))),
)

_STATUS_ROW = Layout(
    (
        _NAME,
        Field("activity", Enumerated(Activity), "what it is doing"),
        Field("line", UInt(16), "at which line, 0 if it does not run"),
        Field("sent", UInt(32), "commands sent in this run"),
        Field("failed", UInt(32), "of them, those that were not executed"),
    )
)


def _command(name: str, subtype: int, description: str, arguments: Layout = _NAMED, **more) -> Command:
    return Command(
        name=f"procedure.{name}",
        service=21,
        subtype=subtype,
        description=description,
        arguments=arguments,
        **{"repeat": Repeat.STORE, **more},
    )


_READS = {"repeat": Repeat.IDEMPOTENT}

WORDS = Words(
    commands=(
        _command(
            "load_direct",
            1,
            "Take a procedure that is in this command, once it is found good as a whole.",
            Layout((_NAME, Field("text", Text(DIRECT_OCTETS_MAX), "the procedure"))),
        ),
        _command("load", 2, "Take a procedure that was uploaded as a file, once it is found good as a whole."),
        _command("unload", 3, "Do away with a procedure that does not run.", hazard=Hazard.LOSES_WORK),
        _command("start", 4, "Run a procedure."),
        _command("abort", 5, "End a procedure that runs."),
        _command("report_status", 6, "Report the procedures on board and what they are doing.", Layout(), **_READS),
        _command("load_and_start", 8, "Take a procedure that was uploaded as a file, and run it."),
        _command("report_digests", 9, "Report the digests of the procedures on board.", Layout(), **_READS),
        _command(
            "report_text", 11, "Report the text of a procedure, a part at a time.", Layout((_NAME, _POSITION)), **_READS
        ),
        _command("abort_all", 13, "End all procedures that run, and report which.", Layout()),
    ),
    reports=(
        Report(
            name="procedure_status",
            service=21,
            subtype=7,
            description="The procedures on board and what they are doing.",
            fields=Layout((Field("procedures", Rows(_STATUS_ROW, PROCEDURES_MAX, 0)),)),
        ),
        Report(
            name="procedure_digests",
            service=21,
            subtype=10,
            description="The digests of the procedures on board.",
            fields=Layout((Field("procedures", Rows(Layout((_NAME, _OCTETS, _SHA256)), PROCEDURES_MAX, 0)),)),
        ),
        Report(
            name="procedure_text",
            service=21,
            subtype=12,
            description="A part of the text of a procedure.",
            fields=Layout((_NAME, _OCTETS, _POSITION, Field("text", Octets(CONTENT_OCTETS_MAX), "from there on"))),
        ),
        Report(
            name="procedures_aborted",
            service=21,
            subtype=14,
            description="The procedures that were ended by command.",
            fields=Layout((Field("procedures", Rows(_NAMED, PROCEDURES_MAX, 0)),)),
        ),
    ),
    structures=(
        Structure(
            id=12,
            name="procedures",
            description="Stored procedures.",
            parameters=(PROCEDURES_LOADED, PROCEDURES_RUNNING, PROCEDURE_COMMANDS, PROCEDURE_RATE),
            period_ns=30 * NS_PER_S,
        ),
    ),
    events=(PROCEDURE_STARTED, PROCEDURE_STEP_FAILED, PROCEDURE_ENDED),
)

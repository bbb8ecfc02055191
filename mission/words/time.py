"""The words of ST[09] time (ECSS-E-ST-70-41C 6.9 and 8.9), and of the on-board clock. Data only.

The standard has no command that sets the clock, nor one that ends time reports; those are the mission's own subtypes.
Time reports themselves are packets of their own kind (`ccsds.pus.time_report`).
"""

from ccsds.pus.time_report import RATE_EXPONENT_MAX
from mission.dictionary import Command, EventDefinition, Parameter, Repeat, Setting, Severity, Words
from mission.field_types import Enumerated, Float, Int, UInt
from mission.fields import Field, Layout
from mission.time import TimeChange, TimeOrigin, TimeStatus

NS_PER_S = 1_000_000_000

# The time field ends in 2094 (CUC with four octets of seconds); a clock that is set must have years before it.
TAI_NS_MAX = ((1 << 32) - 10 * 366 * 86_400) * NS_PER_S

# What a correlation finds is seconds at most; a greater change is not a correction, and `time.set` is there for it.
ADJUST_NS_MAX = 3_600 * NS_PER_S

TIME_STATUS = Parameter(id=20, shape=Field("time_status", Enumerated(TimeStatus), "how the on-board time came about"))
TIME_UNCERTAINTY = Parameter(
    id=21, shape=Field("time_uncertainty", Float(32), "how far the on-board time may be from the truth", unit="s")
)
TIME_ORIGIN = Parameter(
    id=22, shape=Field("time_origin", Enumerated(TimeOrigin), "where the time was taken from at the last start")
)
CLOCK_NOTE_PERIOD = Setting(
    id=220,
    shape=Field(
        "clock_note_period",
        UInt(32),
        "the time is made durable this often; after a power cut it goes on from there",
        unit="s",
        minimum=10,
        maximum=86_400,
        default=300,
    ),
)
CLOCK_DRIFT = Setting(
    id=221,
    shape=Field(
        "clock_drift",
        Float(32),
        "by how much the clock may be fast or slow, for the uncertainty",
        unit="ppm",
        minimum=0,
        maximum=10_000,
        default=50.0,
    ),
)

_UNCERTAINTY = Field("uncertainty", UInt(32), "how far it may be from the truth then", unit="ms", default=1_000)
_TAI = UInt(64)
CLOCK_CHANGED = EventDefinition(
    id=20,
    name="clock_changed",
    severity=Severity.INFORMATIVE,
    text="on-board time {change}: {before} -> {after} ns of TAI",
    fields=Layout(
        (
            Field("change", Enumerated(TimeChange), "how"),
            Field("before", _TAI, "TAI since 1958 by the clock before", unit="ns"),
            Field("after", _TAI, "TAI since 1958 by the clock after, at the same instant", unit="ns"),
        )
    ),
)
CLOCK_STARTED = EventDefinition(
    id=21,
    name="clock_started",
    severity=Severity.LOW,
    text="on-board time goes on from {before} to {after} ns of TAI by {origin}",
    fields=Layout(
        (
            Field("origin", Enumerated(TimeOrigin), "what it was taken from"),
            Field("before", _TAI, "TAI since 1958 that was last made durable", unit="ns"),
            Field("after", _TAI, "TAI since 1958 at the start", unit="ns"),
        )
    ),
)

WORDS = Words(
    commands=(
        Command(
            name="time.report_rate",
            service=9,
            subtype=1,
            description="Report the on-board time of every 2^n-th frame of live telemetry, from now on.",
            arguments=Layout(
                (Field("exponent", UInt(8), "n: 0 is every frame, 8 is one in 256", maximum=RATE_EXPONENT_MAX),)
            ),
            repeat=Repeat.STORE,
            in_safe=True,
        ),
        Command(
            name="time.stop_reports",
            service=9,
            subtype=130,
            description="Make no more time reports.",
            repeat=Repeat.STORE,
        ),
        Command(
            name="time.set",
            service=9,
            subtype=128,
            description="Set the on-board time to what it is when this executes. It takes the way up to get there.",
            arguments=Layout(
                (
                    Field("tai", _TAI, "time since 1958-01-01 TAI", unit="ns", maximum=TAI_NS_MAX),
                    _UNCERTAINTY,
                )
            ),
            repeat=Repeat.STORE,
        ),
        Command(
            name="time.adjust",
            service=9,
            subtype=129,
            description="Put the on-board clock forward or back. Right whenever it gets there, unlike time.set.",
            arguments=Layout(
                (
                    Field(
                        "offset",
                        Int(64),
                        "added to the on-board time",
                        unit="ns",
                        minimum=-ADJUST_NS_MAX,
                        maximum=ADJUST_NS_MAX,
                    ),
                    _UNCERTAINTY,
                )
            ),
            repeat=Repeat.STORE,
        ),
    ),
    parameters=(TIME_STATUS, TIME_UNCERTAINTY, TIME_ORIGIN, CLOCK_NOTE_PERIOD, CLOCK_DRIFT),
    events=(CLOCK_CHANGED, CLOCK_STARTED),
)

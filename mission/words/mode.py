"""The words of mission service [131] mode. Data only."""

from mission.dictionary import Command, EventDefinition, Parameter, Repeat, Severity, Structure, Words, counter
from mission.field_types import Enumerated, UInt
from mission.fields import REQUIRED, Field, Layout
from mission.modes import Mode, ModeCause
from mission.words.boots import RESET_REASON, RESETS_IN_A_ROW

NS_PER_S = 1_000_000_000

MODE = Parameter(id=640, shape=Field("mode", Enumerated(Mode), "what the spacecraft is set on"))
MODE_CAUSE = Parameter(id=641, shape=Field("mode_cause", Enumerated(ModeCause), "why it is in this mode"))
SILENCE = Parameter(id=644, shape=Field("silence", UInt(32), "time since a command was accepted", unit="s"))
SILENCE_LIMIT = Parameter(
    id=645, shape=Field("silence_limit", UInt(32), "silence after which it goes to SAFE, 0 for never", unit="s")
)
INHIBITS = counter(646, "inhibits", "message types that are inhibited")

_CHANGE = Layout(
    (Field("before", Enumerated(Mode)), Field("after", Enumerated(Mode)), Field("cause", Enumerated(ModeCause), "why"))
)
MODE_CHANGED = EventDefinition(
    id=40,
    name="mode_changed",
    severity=Severity.INFORMATIVE,
    text="mode {before} -> {after}, cause {cause}",
    fields=_CHANGE,
)
SAFE_ENTERED = EventDefinition(
    id=41,
    name="safe_entered",
    severity=Severity.HIGH,
    text="mode {before} -> {after}, cause {cause}: jobs are held until a command leads out",
    fields=_CHANGE,
)

WORDS = Words(
    commands=(
        Command(
            name="mode.enter",
            service=131,
            subtype=1,
            description="Go to a mode. SAFE and NOMINAL hold all jobs, COMPUTE lets them run.",
            arguments=Layout((Field("mode", Enumerated(Mode), "the mode to go to", default=REQUIRED),)),
            repeat=Repeat.STORE,
        ),
    ),
    structures=(
        Structure(
            id=20,
            name="survival",
            description="Mode, resets and safeguards.",
            parameters=(MODE, MODE_CAUSE, RESET_REASON, RESETS_IN_A_ROW, SILENCE, SILENCE_LIMIT, INHIBITS),
            period_ns=10 * NS_PER_S,
        ),
    ),
    events=(MODE_CHANGED, SAFE_ENTERED),
)

"""The words of mission service [133] slots. Data only."""

from mission.dictionary import Command, EventDefinition, Hazard, Repeat, Report, Setting, Severity, Words
from mission.field_types import Enumerated, Octets, Text, UInt
from mission.fields import REQUIRED, Field, Layout
from mission.slots import Phase, Slot, SlotKind

SLOT_TRIAL = Setting(
    id=680,
    shape=Field(
        "slot_trial",
        UInt(32),
        "a slot on trial that is not confirmed for so long after a start is left",
        unit="s",
        minimum=60,
        default=86_400,
    ),
)

_KIND = Field("kind", Enumerated(SlotKind), "configuration or software", default=REQUIRED)
_SLOT = Field("slot", Enumerated(Slot), "which")
_ONE_KIND = Layout((_KIND,))
_RUNNING = Field("running", Enumerated(Slot), "what this life runs on")

SLOT_TRIED = EventDefinition(
    id=340,
    name="slot_tried",
    severity=Severity.LOW,
    text="{kind} runs on slot {slot} on trial, start {tries}: send slot.confirm, or it is left",
    fields=Layout((_KIND, _SLOT, Field("tries", UInt(8), "starts on this trial"))),
)
SLOT_LEFT = EventDefinition(
    id=341,
    name="slot_left",
    severity=Severity.MEDIUM,
    text="{kind} is back on slot {running}: slot {slot} was left, {reason}",
    fields=Layout((_KIND, _SLOT, _RUNNING, Field("reason", Text(500), "why"))),
)
SLOT_CONFIRMED = EventDefinition(
    id=342,
    name="slot_confirmed",
    severity=Severity.INFORMATIVE,
    text="{kind}: slot {slot} is confirmed, and is what every start comes back to",
    fields=Layout((_KIND, _SLOT)),
)

WORDS = Words(
    commands=(
        Command(
            name="slot.install",
            service=133,
            subtype=1,
            description="Copy a file into the slot that is not in use, once it is checked as a whole.",
            repeat=Repeat.IDEMPOTENT,
            arguments=Layout(
                (
                    _KIND,
                    Field("name", Text(255), "in the store of files", default=REQUIRED),
                    Field("sha256", Octets(32), "of the file", default=REQUIRED),
                )
            ),
        ),
        Command(
            name="slot.activate",
            service=133,
            subtype=2,
            description="Start anew with what was installed last, on trial. Without slot.confirm it is left again.",
            repeat=Repeat.ONCE,
            hazard=Hazard.LOSES_WORK,
            arguments=_ONE_KIND,
        ),
        Command(
            name="slot.confirm",
            service=133,
            subtype=3,
            description="Keep what is on trial: every start comes back to it from now on.",
            repeat=Repeat.IDEMPOTENT,
            arguments=_ONE_KIND,
        ),
        Command(
            name="slot.revert",
            service=133,
            subtype=4,
            description="End a trial, or leave the confirmed slot for what is built in; starts anew.",
            repeat=Repeat.ONCE,
            hazard=Hazard.LOSES_WORK,
            arguments=_ONE_KIND,
        ),
        Command(
            name="slot.report",
            service=133,
            subtype=5,
            description="Report what the slots of a kind hold, and which is in use.",
            repeat=Repeat.IDEMPOTENT,
            arguments=_ONE_KIND,
        ),
    ),
    reports=(
        Report(
            name="slot_report",
            service=133,
            subtype=130,
            description="What the slots of a kind hold, and which is in use; sent on request.",
            fields=Layout(
                (
                    _KIND,
                    _RUNNING,
                    Field("phase", Enumerated(Phase), "whether that is settled"),
                    Field("good", Enumerated(Slot), "what was confirmed last"),
                    Field("trial", Enumerated(Slot), "what is tried"),
                    Field("tries", UInt(8), "starts on this trial"),
                    Field("sha256_a", Octets(32), "of slot A; empty if it holds nothing"),
                    Field("sha256_b", Octets(32), "of slot B"),
                )
            ),
        ),
    ),
    parameters=(SLOT_TRIAL,),
    events=(SLOT_TRIED, SLOT_LEFT, SLOT_CONFIRMED),
)

"""The words of mission service [134] safeguards: arming, inhibits, the limit of silence. Data only."""

from mission.dictionary import Command, EventDefinition, Repeat, Report, Severity, Words
from mission.field_types import UInt
from mission.fields import REQUIRED, Field, Layout, Rows
from mission.safeguards import ARMED_S_DEFAULT, ARMED_S_MAX, INHIBITS_MAX, SILENCE_LIMIT_S_MAX

_SERVICE = Field("service", UInt(8), "service type", minimum=1, default=REQUIRED)
_SUBTYPE = Field("subtype", UInt(8), "message subtype", minimum=1, default=REQUIRED)
_SUBTYPE_OR_ALL = Field("subtype", UInt(8), "message subtype, 0 for all of the service", default=REQUIRED)

_MESSAGE_TYPE = Layout((Field("service", UInt(8)), Field("subtype", UInt(8), "0 for all of the service")))

ARM_LAPSED = EventDefinition(
    id=45,
    name="arm_lapsed",
    severity=Severity.LOW,
    text="[{service},{subtype}] was armed and not used; it is not armed any more",
    fields=_MESSAGE_TYPE,
)

WORDS = Words(
    commands=(
        Command(
            name="command.arm",
            service=134,
            subtype=1,
            description="Let one hazardous command of this message type through; a reset disarms.",
            arguments=Layout(
                (
                    _SERVICE,
                    _SUBTYPE,
                    Field(
                        "hold_s",
                        UInt(16),
                        "how long it holds",
                        unit="s",
                        minimum=1,
                        maximum=ARMED_S_MAX,
                        default=ARMED_S_DEFAULT,
                    ),
                )
            ),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="command.inhibit",
            service=134,
            subtype=2,
            description="Refuse commands of a message type until it is released. Service 134 cannot be inhibited.",
            arguments=Layout((_SERVICE, _SUBTYPE_OR_ALL)),
            repeat=Repeat.STORE,
        ),
        Command(
            name="command.release",
            service=134,
            subtype=3,
            description="Refuse commands of a message type no longer, as it was inhibited.",
            arguments=Layout((_SERVICE, _SUBTYPE_OR_ALL)),
            repeat=Repeat.STORE,
        ),
        Command(
            name="command.report_inhibits",
            service=134,
            subtype=4,
            description="Report the message types that are inhibited.",
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="command.limit_silence",
            service=134,
            subtype=5,
            description="Go to SAFE when no command was accepted for this long.",
            arguments=Layout(
                (
                    Field(
                        "seconds",
                        UInt(32),
                        "the longest silence, 0 for no limit",
                        unit="s",
                        maximum=SILENCE_LIMIT_S_MAX,
                        default=REQUIRED,
                    ),
                )
            ),
            repeat=Repeat.STORE,
        ),
    ),
    reports=(
        Report(
            name="inhibit_report",
            service=134,
            subtype=132,
            description="The message types that are inhibited; sent on request.",
            fields=Layout((Field("inhibits", Rows(_MESSAGE_TYPE, INHIBITS_MAX, count_min=0)),)),
        ),
    ),
    events=(ARM_LAPSED,),
)

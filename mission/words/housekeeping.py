"""The words of ST[03] housekeeping (ECSS-E-ST-70-41C 6.3). Data only; each service declares its own structures."""

from mission.dictionary import Command, Repeat, Words
from mission.fields import Array, Field, Layout, UInt

HOUSEKEEPING_REPORT = (3, 25)
"""Message type of a housekeeping report: structure number, then its parameters (ECSS-E-ST-70-41C 8.3.2.25)."""

_STRUCTURES = Layout((Field("structures", Array(UInt(8), 16), "numbers of housekeeping structures"),))

WORDS = Words(
    commands=(
        Command(
            name="housekeeping.enable",
            service=3,
            subtype=5,
            description="Report housekeeping structures periodically from now on.",
            arguments=_STRUCTURES,
            repeat=Repeat.STORE,
        ),
        Command(
            name="housekeeping.disable",
            service=3,
            subtype=6,
            description="Stop reporting housekeeping structures.",
            arguments=_STRUCTURES,
            repeat=Repeat.STORE,
        ),
    ),
)

"""The words of ST[17] test (ECSS-E-ST-70-41C 6.17). Data only."""

from mission.dictionary import Command, Repeat, Report, Words
from mission.fields import Layout

WORDS = Words(
    commands=(
        Command(
            name="test.connection",
            service=17,
            subtype=1,
            description="Ask whether the spacecraft is there; it answers with a connection test report.",
            repeat=Repeat.IDEMPOTENT,
            in_safe=True,
        ),
    ),
    reports=(
        Report(
            name="connection_test",
            service=17,
            subtype=2,
            description="The spacecraft is there.",
            fields=Layout(),
        ),
    ),
)

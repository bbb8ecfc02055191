"""The telecommands of this mission, each declared once. Data only."""

from mission.dictionary import Command, Hazard, Repeat
from mission.fields import REQUIRED, Array, Field, Layout, Text, UInt
from mission.jobs import CORPUS_OCTETS_MAX, OVERRIDES_OCTETS_MAX, RECIPE_OCTETS_MAX

_JOB_ID = Field("job_id", UInt(32), "number of the job, chosen by the operator", minimum=1, default=REQUIRED)
_SPI = Field(
    "spi", UInt(16), "security parameter index, which names the key", minimum=1, maximum=65_534, default=REQUIRED
)
_STRUCTURES = Layout((Field("structures", Array(UInt(8), 16), "numbers of housekeeping structures"),))

COMMANDS = (
    Command(
        name="test.connection",
        service=17,
        subtype=1,
        description="Ask whether the spacecraft is there; it answers with a connection test report.",
        repeat=Repeat.IDEMPOTENT,
    ),
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
    Command(
        name="job.submit",
        service=128,
        subtype=1,
        description="Queue a job. The same job id with the same description is the same job.",
        arguments=Layout(
            (
                _JOB_ID,
                Field("recipe", Text(RECIPE_OCTETS_MAX), "name of a recipe on board"),
                Field("corpus", Text(CORPUS_OCTETS_MAX), "name of a corpus on board"),
                Field("seed", UInt(32), "seed of every random choice in the job", default=1337),
                Field("steps", UInt(32), "training steps; 0 takes the recipe's", maximum=10_000_000, default=0),
                Field("overrides", Text(OVERRIDES_OCTETS_MAX), "recipe settings to change, as TOML", default=""),
            )
        ),
        repeat=Repeat.STORE,
    ),
    Command(
        name="job.cancel",
        service=128,
        subtype=2,
        description="End a job that waits or runs; its checkpoints are removed.",
        arguments=Layout((_JOB_ID,)),
        repeat=Repeat.STORE,
        hazard=Hazard.LOSES_WORK,
    ),
    Command(
        name="job.pause",
        service=128,
        subtype=3,
        description="Hold a job that waits or runs, until it is resumed.",
        arguments=Layout((_JOB_ID,)),
        repeat=Repeat.STORE,
    ),
    Command(
        name="job.resume",
        service=128,
        subtype=4,
        description="Let a paused job go on.",
        arguments=Layout((_JOB_ID,)),
        repeat=Repeat.STORE,
    ),
    Command(
        name="job.report",
        service=128,
        subtype=5,
        description="Report a job: its state, losses, the digest of its weights, and its sample text.",
        arguments=Layout((_JOB_ID,)),
        repeat=Repeat.IDEMPOTENT,
    ),
    Command(
        name="key.activate",
        service=130,
        subtype=1,
        description="Take a key into use on board: accept frames under it, or send under it.",
        arguments=Layout((_SPI,)),
        repeat=Repeat.IDEMPOTENT,
    ),
    Command(
        name="key.deactivate",
        service=130,
        subtype=2,
        description="Take a key out of use on board; it can be activated again. The last one that works is refused.",
        arguments=Layout((_SPI,)),
        repeat=Repeat.IDEMPOTENT,
    ),
    Command(
        name="key.destroy",
        service=130,
        subtype=3,
        description="Erase a key on board that is not active, for ever.",
        arguments=Layout((_SPI,)),
        repeat=Repeat.IDEMPOTENT,
        hazard=Hazard.LOSES_KEY,
    ),
    Command(
        name="key.report",
        service=130,
        subtype=4,
        description="Report one key on board: its state, and how far its counters are.",
        arguments=Layout((_SPI,)),
        repeat=Repeat.IDEMPOTENT,
    ),
)

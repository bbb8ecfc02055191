"""The telemetry reports and housekeeping structures of this mission, each declared once. Data only.

ST[01] verification reports have the standard's own layouts and are in `ccsds.pus.verification`.
"""

from mission import parameters
from mission.dictionary import Report, Structure
from mission.fields import Enumerated, Field, Float, Layout, Octets, Text, UInt
from mission.jobs import CORPUS_OCTETS_MAX, RECIPE_OCTETS_MAX, SAMPLE_OCTETS_MAX, JobState, PauseCause
from mission.keys import KeyCondition, KeyDirection

NS_PER_S = 1_000_000_000

HOUSEKEEPING_REPORT = (3, 25)
"""Message type of a housekeeping report: structure number, then its parameters (ECSS-E-ST-70-41C 8.3.2.25)."""

_JOB_ID = Field("job_id", UInt(32), "number of the job")
_STEP = Field("step", UInt(32), "training steps done")
_STEPS = Field("steps", UInt(32), "training steps in all")
_LOSS = Field("loss", Float(32), "training loss over the latest steps", unit="nat")
_VALIDATION_LOSS = Field("validation_loss", Float(32), "latest loss on the whole validation split", unit="nat")

REPORTS = (
    Report(
        name="connection_test",
        service=17,
        subtype=2,
        description="The spacecraft is there.",
        fields=Layout(),
    ),
    Report(
        name="job_progress",
        service=128,
        subtype=130,
        description="How far a running job is; sent as it runs.",
        fields=Layout(
            (
                _JOB_ID,
                _STEP,
                _STEPS,
                _LOSS,
                _VALIDATION_LOSS,
                Field("tokens_per_s", Float(32), "tokens trained on a second", unit="1/s"),
                Field("eta", Float(32), "time until the last step at this rate", unit="s"),
            )
        ),
    ),
    Report(
        name="job_report",
        service=128,
        subtype=131,
        description="All that is known of a job; sent when it ends and on request.",
        fields=Layout(
            (
                _JOB_ID,
                Field("state", Enumerated(JobState), "where it is in its life cycle"),
                Field("pause_cause", Enumerated(PauseCause), "what holds it, if it is paused"),
                Field("recipe", Text(RECIPE_OCTETS_MAX), "name of its recipe"),
                Field("corpus", Text(CORPUS_OCTETS_MAX), "name of its corpus"),
                Field("corpus_sha256", Octets(32), "digest of its corpus"),
                Field("seed", UInt(32), "seed of every random choice in it"),
                _STEP,
                _STEPS,
                _LOSS,
                _VALIDATION_LOSS,
                Field("worker_restarts", UInt(32), "times its worker was started again"),
                Field("weights_sha256", Octets(32), "digest of the finished weights, empty until then"),
                Field("failure", Text(200), "why it failed, if it did"),
            )
        ),
    ),
    Report(
        name="job_sample",
        service=128,
        subtype=132,
        description="Text written by the trained model.",
        fields=Layout((_JOB_ID, Field("text", Text(SAMPLE_OCTETS_MAX), "what the model wrote"))),
    ),
    Report(
        name="key_report",
        service=130,
        subtype=132,
        description="One key on board; sent on request.",
        fields=Layout(
            (
                Field("spi", UInt(16), "security parameter index"),
                Field("direction", Enumerated(KeyDirection), "what it protects"),
                Field("virtual_channel", UInt(8), "of that direction"),
                Field("state", Enumerated(KeyCondition), "where it is in its life"),
                Field("is_sending", UInt(8), "1 if the spacecraft sends under it"),
                Field("sent_below", UInt(64), "counters below this may have been used to send"),
                Field("accepted_below", UInt(64), "counters from this on were never accepted"),
            )
        ),
    ),
)

STRUCTURES = (
    Structure(
        id=1,
        name="core",
        description="The flight software itself and its link.",
        parameters=(
            parameters.BOOT_COUNT,
            parameters.UPTIME,
            parameters.DICTIONARY_DIGEST,
            parameters.COMMANDS_EXECUTED,
            parameters.COMMANDS_REFUSED,
            parameters.COMMANDS_REPEATED,
            parameters.FRAMES_ACCEPTED,
            parameters.FRAMES_REJECTED,
            parameters.FRAMES_SENT,
            parameters.PACKETS_DROPPED,
            parameters.JOURNAL_OCTETS,
        ),
        period_ns=5 * NS_PER_S,
    ),
    Structure(
        id=2,
        name="jobs",
        description="The job at work and those that wait.",
        parameters=(
            parameters.JOBS_WAITING,
            parameters.JOB_ID,
            parameters.JOB_STATE,
            parameters.JOB_STEP,
            parameters.JOB_LOSS,
            parameters.JOB_TOKENS_PER_S,
            parameters.WORKER_RESTARTS,
        ),
        period_ns=2 * NS_PER_S,
    ),
    Structure(
        id=3,
        name="security",
        description="Link security: keys, and the frames it has refused.",
        parameters=(
            parameters.KEYS_STANDING,
            parameters.TELEMETRY_SPI,
            parameters.FRAMES_PROTECTED,
            parameters.FRAMES_AUTHENTIC,
            parameters.FRAMES_REFUSED,
            *parameters.FRAMES_REFUSED_FOR.values(),
        ),
        period_ns=10 * NS_PER_S,
    ),
)

"""The words of mission service [128] jobs. Data only."""

from mission.dictionary import (
    Command,
    EventDefinition,
    Hazard,
    Parameter,
    Repeat,
    Report,
    Setting,
    Severity,
    Structure,
    Words,
    counter,
)
from mission.field_types import Enumerated, Float, Octets, Text, UInt
from mission.fields import REQUIRED, Field, Layout
from mission.jobs import (
    CORPUS_OCTETS_MAX,
    OVERRIDES_OCTETS_MAX,
    RECIPE_OCTETS_MAX,
    SAMPLE_OCTETS_MAX,
    Guarding,
    JobState,
    PauseCause,
    Struck,
)
from mission.modes import WORKING_MODES

NS_PER_S = 1_000_000_000


JOBS_WAITING = counter(30, "jobs_waiting", "jobs queued or paused")
JOB_ID = counter(31, "job_id", "job at work, 0 if none")
JOB_STATE = Parameter(id=32, shape=Field("job_state", Enumerated(JobState), "state of the job at work"))
JOB_STEP = counter(33, "job_step", "training steps the job has done")
JOB_LOSS = Parameter(id=34, shape=Field("job_loss", Float(32), "latest training loss", unit="nat"))
JOB_TOKENS_PER_S = Parameter(
    id=35, shape=Field("job_tokens_per_s", Float(32), "tokens trained on a second", unit="1/s")
)
FAULTS_MENDED = counter(37, "faults_mended", "times the guard of a job found something struck, and undid it")
WORKER_RESTARTS = counter(36, "worker_restarts", "times a worker was started again after it was lost")
JOB_PROGRESS_PERIOD = Setting(
    id=200,
    shape=Field(
        "job_progress_period",
        UInt(32),
        "the least time between two progress reports",
        unit="ms",
        minimum=100,
        maximum=3_600_000,
        default=1_000,
    ),
)
WORKER_DEADLINE = Setting(
    id=201,
    shape=Field(
        "worker_deadline",
        UInt(32),
        "a worker that has not answered for this long is taken for hung",
        unit="s",
        minimum=10,
        maximum=86_400,
        default=300,
    ),
)
WORKER_BACKOFF = Setting(
    id=202,
    shape=Field(
        "worker_backoff",
        UInt(32),
        "wait before the first restart of a worker; doubled for each further one",
        unit="s",
        minimum=1,
        maximum=60,
        default=1,
    ),
)
WORKER_RESTARTS_MAX = Setting(
    id=203,
    shape=Field(
        "worker_restarts_max",
        UInt(8),
        "workers lost one after another, without a new checkpoint, before the job is given up",
        maximum=100,
        default=5,
    ),
)
WORKER_MEMORY_MAX = Setting(
    id=204,
    shape=Field(
        "worker_memory_max",
        UInt(32),
        "a worker that holds more in memory is ended, 0 for any",
        unit="MiB",
        maximum=1 << 24,
        default=0,
    ),
)

JOB_STORE_MAX = Setting(
    id=209,
    shape=Field(
        "job_store_max",
        UInt(32),
        "what jobs may take in the store, 0 for all; beyond it checkpoints of failed jobs go, and none is taken",
        unit="MiB",
        maximum=1 << 24,
        default=16_384,
    ),
)

_CHOSEN_JOB_ID = Field("job_id", UInt(32), "number of the job, chosen by the operator", minimum=1, default=REQUIRED)
_JOB_ID = Field("job_id", UInt(32), "number of the job")
_STEP = Field("step", UInt(32), "training steps done")
_STEPS = Field("steps", UInt(32), "training steps in all")
_LOSS = Field("loss", Float(32), "training loss over the latest steps", unit="nat")
_VALIDATION_LOSS = Field("validation_loss", Float(32), "latest loss on the whole validation split", unit="nat")
_REASON = Field("reason", Text(200), "why")

JOB_CHANGED = EventDefinition(
    id=2,
    name="job_changed",
    severity=Severity.INFORMATIVE,
    text="job {job_id} at step {step}: {before} -> {after} {reason}",
    fields=Layout(
        (_JOB_ID, _STEP, Field("before", Enumerated(JobState)), Field("after", Enumerated(JobState)), _REASON)
    ),
)
WORKER_LOST = EventDefinition(
    id=3,
    name="worker_lost",
    severity=Severity.MEDIUM,
    text="job {job_id} lost its worker after step {step}: {reason}",
    fields=Layout((_JOB_ID, _STEP, _REASON)),
)
JOB_RESUMED = EventDefinition(
    id=4,
    name="job_resumed",
    severity=Severity.INFORMATIVE,
    text="job {job_id} goes on from the checkpoint at step {step}",
    fields=Layout((_JOB_ID, _STEP)),
)
CHECKPOINT_SAVED = EventDefinition(
    id=5,
    name="checkpoint_saved",
    severity=Severity.INFORMATIVE,
    text="job {job_id} saved a checkpoint at step {step}, {octets} octets",
    fields=Layout((_JOB_ID, _STEP, Field("octets", UInt(64), "its length", unit="octets"))),
)
FAULT_MENDED = EventDefinition(
    id=14,
    name="fault_mended",
    severity=Severity.LOW,
    text="job {job_id} found {struck} struck in {where} at step {step}; {redone_steps} steps were done again",
    fields=Layout(
        (
            _JOB_ID,
            _STEP,
            Field("struck", Enumerated(Struck), "what was struck"),
            Field("where", Text(200), "which part of it"),
            Field("redone_steps", UInt(32), "steps that were done again because of it"),
        )
    ),
)
GUARD_RAISED = EventDefinition(
    id=19,
    name="guard_raised",
    severity=Severity.LOW,
    text="job {job_id} is guarded by {guard} from step {step} on: {where} was struck again and again",
    fields=Layout(
        (
            _JOB_ID,
            _STEP,
            Field("guard", Enumerated(Guarding), "how closely it is watched now"),
            Field("where", Text(200), "what was struck"),
        )
    ),
)
DEVICE_DISTRUSTED = EventDefinition(
    id=15,
    name="device_distrusted",
    severity=Severity.HIGH,
    text="no job is given to the device until it is trusted again: {reason}",
    fields=Layout((_REASON,)),
)
DEVICE_RESET = EventDefinition(
    id=24,
    name="device_reset",
    severity=Severity.MEDIUM,
    text="the device is begun anew, number {resets} since it was last trusted: {reason}",
    fields=Layout((Field("resets", UInt(32), "how often since it was last trusted, or a job was done"), _REASON)),
)
DEVICE_HEALTHY = EventDefinition(
    id=25,
    name="device_healthy",
    severity=Severity.INFORMATIVE,
    text="the device gives the answers that are known again",
)
CHECKPOINT_REFUSED = EventDefinition(
    id=9,
    name="checkpoint_refused",
    severity=Severity.MEDIUM,
    text="job {job_id} could not use the checkpoint at step {step}, and goes on from step {next_step}: {reason}",
    fields=Layout(
        (_JOB_ID, _STEP, Field("next_step", UInt(32), "where it goes on instead, 0 for the beginning"), _REASON)
    ),
)
JOB_INEXACT = EventDefinition(
    id=18,
    name="job_inexact",
    severity=Severity.LOW,
    text="job {job_id} goes on under another exactness key, as its recipe allows: {reason}",
    fields=Layout((_JOB_ID, _REASON)),
)

WORDS = Words(
    parameters=(
        JOB_PROGRESS_PERIOD,
        WORKER_DEADLINE,
        WORKER_BACKOFF,
        WORKER_RESTARTS_MAX,
        WORKER_MEMORY_MAX,
        JOB_STORE_MAX,
    ),
    commands=(
        Command(
            name="job.submit",
            service=128,
            subtype=1,
            description="Queue a job. The same job id with the same description is the same job.",
            arguments=Layout(
                (
                    _CHOSEN_JOB_ID,
                    Field("recipe", Text(RECIPE_OCTETS_MAX), "name of a recipe on board"),
                    Field("corpus", Text(CORPUS_OCTETS_MAX), "name of a corpus on board, or files/NAME in the store"),
                    Field("seed", UInt(32), "seed of every random choice in the job", default=1337),
                    Field("steps", UInt(32), "training steps; 0 takes the recipe's", maximum=10_000_000, default=0),
                    Field("overrides", Text(OVERRIDES_OCTETS_MAX), "recipe settings to change, as TOML", default=""),
                    Field("deadline", UInt(64), "TAI by which it is wanted; 0 for none", unit="ns", default=0),
                )
            ),
            repeat=Repeat.STORE,
            modes=WORKING_MODES,
        ),
        Command(
            name="job.cancel",
            service=128,
            subtype=2,
            description="End a job that waits or runs, or has failed; its checkpoints are removed.",
            arguments=Layout((_CHOSEN_JOB_ID,)),
            repeat=Repeat.STORE,
            hazard=Hazard.LOSES_WORK,
        ),
        Command(
            name="job.pause",
            service=128,
            subtype=3,
            description="Hold a job that waits or runs, until it is resumed.",
            arguments=Layout((_CHOSEN_JOB_ID,)),
            repeat=Repeat.STORE,
        ),
        Command(
            name="job.resume",
            service=128,
            subtype=4,
            description="Let a paused job go on, or one that failed, from its last checkpoint.",
            arguments=Layout((_CHOSEN_JOB_ID,)),
            repeat=Repeat.STORE,
            modes=WORKING_MODES,
        ),
        Command(
            name="job.report",
            service=128,
            subtype=5,
            description="Report a job: its state, losses, the digest of its weights, and its sample text.",
            arguments=Layout((_CHOSEN_JOB_ID,)),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="device.trust",
            service=128,
            subtype=6,
            description="Give jobs to the compute device again, after it was taken out of use.",
            repeat=Repeat.STORE,
        ),
        Command(
            name="job.discard",
            service=128,
            subtype=7,
            description="Remove what an ended job keeps in the store: its checkpoints and its model.",
            arguments=Layout((_CHOSEN_JOB_ID,)),
            repeat=Repeat.STORE,
            hazard=Hazard.LOSES_WORK,
        ),
    ),
    reports=(
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
                    Field("energy", Float(64), "what the device took for it, as far as that is measured", unit="J"),
                    Field("energy_per_token", Float(32), "the same for each token of its steps", unit="J"),
                    Field("deadline", UInt(64), "TAI by which it is wanted, 0 for none", unit="ns"),
                    Field("late", Float(32), "by how much it is expected, or was, after its deadline", unit="s"),
                    Field("faults_mended", UInt(32), "times its guard found something struck, and undid it"),
                    Field("guard", Enumerated(Guarding), "how closely it is watched for what radiation does"),
                    Field("not_covered", Text(200), "what its guard does not find"),
                    Field("checkpoints_refused", UInt(32), "checkpoints that could not be gone on from"),
                    Field("inexact", Text(200), "where it went on under another exactness key, if it did"),
                    Field("unconfined", Text(200), "what the kernel refused of the walls around a package, if it did"),
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
    ),
    structures=(
        Structure(
            id=2,
            name="jobs",
            description="The job at work and those that wait.",
            parameters=(
                JOBS_WAITING,
                JOB_ID,
                JOB_STATE,
                JOB_STEP,
                JOB_LOSS,
                JOB_TOKENS_PER_S,
                WORKER_RESTARTS,
                FAULTS_MENDED,
            ),
            period_ns=2 * NS_PER_S,
        ),
    ),
    events=(
        JOB_CHANGED,
        WORKER_LOST,
        JOB_RESUMED,
        CHECKPOINT_SAVED,
        CHECKPOINT_REFUSED,
        JOB_INEXACT,
        FAULT_MENDED,
        GUARD_RAISED,
        DEVICE_DISTRUSTED,
        DEVICE_RESET,
        DEVICE_HEALTHY,
    ),
)

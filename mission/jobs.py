"""The words of jobs that both ends share: states, causes, and the bounds of a job's description. Data only."""

from enum import IntEnum

QUEUE_JOBS_MAX = 32
"""Jobs that may wait or run at once; a submission beyond is refused. A pass holds no more than a few commands."""

# A bound on the memory of the spacecraft and of each station: finished jobs beyond it are forgotten, oldest first.
REMEMBERED_JOBS_MAX = 256

RECIPE_OCTETS_MAX = 32
CORPUS_OCTETS_MAX = 64
OVERRIDES_OCTETS_MAX = 512
SAMPLE_OCTETS_MAX = 2_000

FINDINGS_KEPT_MAX = 24
"""Findings of a job that are remembered from worker to worker, the latest; as many at once and the device is unfit."""


class JobState(IntEnum):
    """Where a job is in its life cycle."""

    NONE = 0
    """There is no such job (a housekeeping value, never a state of a job)."""
    QUEUED = 1
    STARTING = 2
    RUNNING = 3
    PAUSED = 4
    DONE = 5
    FAILED = 6
    CANCELLED = 7


ENDED_STATES = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
"""States in which nothing is done for a job any more. One that failed may be told to go on."""


class PauseCause(IntEnum):
    """Who or what holds a paused job."""

    NONE = 0
    OPERATOR = 1
    POWER = 2
    THERMAL = 3
    MODE = 4


class Struck(IntEnum):
    """What a job's guard found changed by nobody."""

    STATE = 1
    """Weights or moments in memory."""
    GENERATOR = 2
    """A random generator, or the count of steps."""
    DATA = 3
    """The corpus in memory."""
    COMPUTE = 4
    """The arithmetic of a pass: the same pass gave other gradients."""
    UPDATE = 5
    """The arithmetic of an update: the same update gave other weights."""
    GRADIENTS = 6
    """Gradients in memory, on their way to the update."""


class Guarding(IntEnum):
    """How closely a job is watched for what radiation does."""

    OFF = 0
    STATE = 1
    COMPUTE = 2
    REPLAY = 3
    DOUBLE = 4

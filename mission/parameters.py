"""The on-board parameters of this mission, each declared once. Data only."""

from mission.dictionary import Parameter
from mission.fields import Enumerated, Field, Float, Octets, UInt
from mission.jobs import JobState


def _counter(number: int, name: str, description: str) -> Parameter:
    return Parameter(id=number, shape=Field(name, UInt(32), description))


BOOT_COUNT = _counter(1, "boot_count", "times the flight software has started on this store")
UPTIME = Parameter(id=2, shape=Field("uptime", UInt(32), "time since the flight software started", unit="s"))
DICTIONARY_DIGEST = Parameter(id=3, shape=Field("dictionary_digest", Octets(8), "digest of the dictionary on board"))
COMMANDS_EXECUTED = _counter(10, "commands_executed", "telecommands that completed")
COMMANDS_REFUSED = _counter(11, "commands_refused", "telecommands that failed acceptance or execution")
COMMANDS_REPEATED = _counter(12, "commands_repeated", "telecommands that came again and were answered from the journal")
FRAMES_ACCEPTED = _counter(13, "frames_accepted", "TC frames accepted by FARM-1")
FRAMES_REJECTED = _counter(14, "frames_rejected", "TC frames, CLTUs and packets rejected")
FRAMES_SENT = _counter(15, "frames_sent", "TM frames sent")
PACKETS_DROPPED = _counter(16, "packets_dropped", "telemetry packets dropped because their queue was full")
JOURNAL_OCTETS = Parameter(id=17, shape=Field("journal_octets", UInt(64), "length of the journal", unit="octets"))
JOBS_WAITING = _counter(30, "jobs_waiting", "jobs queued or paused")
JOB_ID = _counter(31, "job_id", "job at work, 0 if none")
JOB_STATE = Parameter(id=32, shape=Field("job_state", Enumerated(JobState), "state of the job at work"))
JOB_STEP = _counter(33, "job_step", "training steps the job has done")
JOB_LOSS = Parameter(id=34, shape=Field("job_loss", Float(32), "latest training loss", unit="nat"))
JOB_TOKENS_PER_S = Parameter(
    id=35, shape=Field("job_tokens_per_s", Float(32), "tokens trained on a second", unit="1/s")
)
WORKER_RESTARTS = _counter(36, "worker_restarts", "times a worker was started again after it was lost")

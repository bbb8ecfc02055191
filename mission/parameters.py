"""The on-board parameters of this mission, each declared once. Data only."""

from mission.dictionary import Parameter
from mission.fields import Enumerated, Field, Float, Octets, UInt
from mission.jobs import JobState
from mission.keys import KeyStanding, Refusal


def _counter(number: int, name: str, description: str) -> Parameter:
    return Parameter(id=number, shape=Field(name, UInt(32), description))


BOOT_COUNT = _counter(1, "boot_count", "times the flight software has started on this store")
UPTIME = Parameter(id=2, shape=Field("uptime", UInt(32), "time since the flight software started", unit="s"))
DICTIONARY_DIGEST = Parameter(id=3, shape=Field("dictionary_digest", Octets(8), "digest of the dictionary on board"))
COMMANDS_EXECUTED = _counter(10, "commands_executed", "telecommands that completed")
COMMANDS_REFUSED = _counter(11, "commands_refused", "telecommands that failed acceptance or execution")
COMMANDS_REPEATED = _counter(12, "commands_repeated", "telecommands that came again and were answered from the journal")
FRAMES_ACCEPTED = _counter(13, "frames_accepted", "TC frames accepted by FARM-1 and link security")
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
KEYS_STANDING = Parameter(
    id=50, shape=Field("keys_standing", Enumerated(KeyStanding), "what the key store was when the software started")
)
TELEMETRY_SPI = _counter(51, "telemetry_spi", "SPI under which live telemetry is sent, 0 if none")
FRAMES_PROTECTED = _counter(52, "frames_protected", "TM frames sent protected")
FRAMES_AUTHENTIC = _counter(53, "frames_authentic", "TC frames whose MAC and counter were right")
FRAMES_REFUSED = _counter(54, "frames_refused", "TC frames refused by link security, for any reason")
FRAMES_REFUSED_FOR = {
    refusal: _counter(60 + refusal, f"refused_{refusal.name.lower()}", f"TC frames refused: {text}")
    for refusal, text in (
        (Refusal.TOO_SHORT, "no room for a security header, an octet and a MAC"),
        (Refusal.UNKNOWN_SPI, "no key goes by that number"),
        (Refusal.WRONG_CHANNEL, "the key belongs to another channel"),
        (Refusal.KEY_NOT_ACTIVE, "the key is not in use"),
        (Refusal.COUNTER_OUT_OF_RANGE, "a counter that no sender comes to"),
        (Refusal.BAD_MAC, "not made with this key, or changed since"),
        (Refusal.REPLAYED, "it was accepted before"),
        (Refusal.BEHIND_WINDOW, "too late to tell whether it was accepted before"),
        (Refusal.AHEAD_OF_WINDOW, "a counter that jumps too far"),
    )
}
"""By reason; frames for the other reasons of link security never come so far on this channel."""
WORKER_RESTARTS = _counter(36, "worker_restarts", "times a worker was started again after it was lost")

"""The event reports, ST[05], of this mission, each declared once. Data only.

Source: ECSS-E-ST-70-41C 6.5; a report is the event number (16 bits), then its fields.
"""

from mission.dictionary import EventDefinition, Severity
from mission.fields import Enumerated, Field, Layout, Octets, Text, UInt
from mission.jobs import JobState
from mission.keys import KeyCondition, Refusal

_JOB_ID = Field("job_id", UInt(32), "number of the job")
_STEP = Field("step", UInt(32), "training steps done")
_REASON = Field("reason", Text(200), "why")

BOOTED = EventDefinition(
    id=1,
    name="booted",
    severity=Severity.INFORMATIVE,
    text="flight software started, boot {boot_count}, dictionary {dictionary_digest}",
    fields=Layout(
        (
            Field("boot_count", UInt(32), "times it has started"),
            Field("dictionary_digest", Octets(8), "digest of the dictionary on board"),
        )
    ),
)
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
COMMAND_REPEATED = EventDefinition(
    id=6,
    name="command_repeated",
    severity=Severity.INFORMATIVE,
    text="telecommand {sequence_count} of source {source_id} came again and was answered from the journal",
    fields=Layout((Field("sequence_count", UInt(16)), Field("source_id", UInt(16)))),
)
JOURNAL_MENDED = EventDefinition(
    id=7,
    name="journal_mended",
    severity=Severity.LOW,
    text="the journal ended in {octets} octets that were never whole; they were dropped",
    fields=Layout((Field("octets", UInt(64), unit="octets"),)),
)
STORE_FAILED = EventDefinition(
    id=8,
    name="store_failed",
    severity=Severity.HIGH,
    text="the store failed: {reason}",
    fields=Layout((_REASON,)),
)
CHECKPOINT_REFUSED = EventDefinition(
    id=9,
    name="checkpoint_refused",
    severity=Severity.MEDIUM,
    text="job {job_id} could not use the checkpoint at step {step}: {reason}",
    fields=Layout((_JOB_ID, _STEP, _REASON)),
)
KEY_CHANGED = EventDefinition(
    id=10,
    name="key_changed",
    severity=Severity.INFORMATIVE,
    text="key of SPI {spi}: {before} -> {after}",
    fields=Layout(
        (
            Field("spi", UInt(16), "whose key"),
            Field("before", Enumerated(KeyCondition)),
            Field("after", Enumerated(KeyCondition)),
        )
    ),
)
KEYS_RESTORED = EventDefinition(
    id=11,
    name="keys_restored",
    severity=Severity.HIGH,
    text="the key store is a copy, a backup, or damaged: telemetry keys that it sent under are spent, activate others",
)
FRAMES_REFUSED = EventDefinition(
    id=12,
    name="frames_refused",
    severity=Severity.MEDIUM,
    text="link security refused {more} TC frames, {count} since the start, most of them for {refusal}",
    fields=Layout(
        (
            Field("more", UInt(32), "since this was last told"),
            Field("count", UInt(32), "since the start"),
            Field("refusal", Enumerated(Refusal), "the most frequent reason since this was last told"),
        )
    ),
)
TELEMETRY_HELD = EventDefinition(
    id=13,
    name="telemetry_held",
    severity=Severity.HIGH,
    text="telemetry waited, since it could not be protected: {reason}",
    fields=Layout((_REASON,)),
)

EVENTS = (
    BOOTED,
    JOB_CHANGED,
    WORKER_LOST,
    JOB_RESUMED,
    CHECKPOINT_SAVED,
    COMMAND_REPEATED,
    JOURNAL_MENDED,
    STORE_FAILED,
    CHECKPOINT_REFUSED,
    KEY_CHANGED,
    KEYS_RESTORED,
    FRAMES_REFUSED,
    TELEMETRY_HELD,
)

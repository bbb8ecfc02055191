"""What a browser finds that opens late: what the archive holds, in the lists and curves of the console; and replays."""

import contextlib

import pytest

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ccsds.time import tai_ns_from_unix
from ground.archive.archive import Archive
from ground.archive.history import History
from ground.console.feed import Feed
from ground.console.log import Weight
from ground.console.replay import NS_PER_S, read_replay
from ground.events import (
    CommandIssued,
    CommandStaged,
    EventReported,
    HousekeepingReceived,
    LinkChanged,
    LinkState,
    ReportReceived,
    Stage,
)
from mission.dictionary import Severity
from mission.housekeeping import StructureKind
from mission.jobs import JobState

START_NS = 1_800_000_000 * NS_PER_S


def at(second: int) -> dict[str, int]:
    return {"tai_ns": tai_ns_from_unix(START_NS + second * NS_PER_S), "virtual_channel": 0}


def progress(second: int, step: int, loss: float) -> ReportReceived:
    values = {
        "job_id": 4, "step": step, "steps": 60, "loss": loss, "validation_loss": loss + 1, "tokens_per_s": 9.0,
        "eta": 1.0,
    }  # fmt: skip
    return ReportReceived(
        time_ns=0, apid=1, service=128, subtype=130, name="job_progress", values=values, identity=bytes([step]),
        **at(second),
    )  # fmt: skip


def staged(stage: Stage) -> CommandStaged:
    return CommandStaged(time_ns=0, command_id=1, name="test.connection", sequence_count=0, stage=stage, attempt=1)


@pytest.fixture
def path(tmp_path):
    """An archive of an hour: a pass with a command, a job and housekeeping; then silence; then a job that is done."""
    path = tmp_path / "ground.sqlite"
    archive = Archive.open(path, draw_source_id=lambda: 7, unix_ns=START_NS)
    issued = CommandIssued(
        time_ns=0, command_id=1, name="test.connection", arguments={}, service=Service.AD, source_id=7,
        sequence_count=0, octets=b"octets",
    )  # fmt: skip
    moments = [
        (0, [LinkChanged(time_ns=0, state=LinkState.UP)]),
        (10, [issued, staged(Stage.QUEUED), staged(Stage.RELEASED)]),
        (11, [staged(Stage.DELIVERED), staged(Stage.ACCEPTED), staged(Stage.COMPLETED)]),
        (20, [progress(20, 1, 4.0)]),
        (30, [progress(30, 30, 3.0)]),
        (
            40,
            [
                HousekeepingReceived(
                    time_ns=0, kind=StructureKind.HOUSEKEEPING, structure=1, name="core", values={"uptime": 40},
                    identity=b"hk", **at(40),
                )
            ],
        ),
        (600, [LinkChanged(time_ns=0, state=LinkState.DOWN)]),
        (3_000, [LinkChanged(time_ns=0, state=LinkState.UP)]),
        (
            3_001,
            [
                EventReported(
                    time_ns=0, severity=Severity.INFORMATIVE, name="job_changed", text="job 4: RUNNING -> DONE",
                    values={
                        "job_id": 4, "step": 60, "before": JobState.RUNNING, "after": JobState.DONE, "reason": "",
                    },
                    identity=b"done", **at(3_001),
                )
            ],
        ),
    ]  # fmt: skip
    for second, events in moments:
        archive.record(events, START_NS + second * NS_PER_S)
    archive.close()
    return path


def test_a_browser_that_opens_late_finds_what_was_before(path):
    feed = Feed()
    with contextlib.closing(History.open(path)) as history:
        feed.restore(history)
    (order,) = feed.orders
    assert (order.name, order.stage) == ("test.connection", Stage.COMPLETED)
    assert [each.stage for each in order.steps][:2] == [Stage.QUEUED, Stage.RELEASED]
    assert feed.curves.get(4).training == [(1, 4.0), (30, 3.0)]
    assert [step for step, _ in feed.curves.get(4).validation] == [1, 30]
    assert feed.series.latest["uptime"].value == 40
    assert feed.jobs.snapshot()["4"]["state"] == "DONE"
    (line,) = feed.log.find("running done", frozenset({"spacecraft"}), Weight.INFORMATIVE, 9)
    assert line.name == "job_changed"
    second, first = feed.contacts
    assert (second.begin_unix_ns - first.end_unix_ns) // NS_PER_S == 2_400
    assert second.end_unix_ns is not None  # The station that heard it has ended.


def test_a_replay_shows_what_was_known_then_and_nothing_of_what_came_after(path):
    replay = read_replay(path, START_NS, START_NS + 3_600 * NS_PER_S)
    replay.speed = 10
    replay.advance(NS_PER_S)
    assert replay.unix_ns == START_NS + 10 * NS_PER_S
    (order,) = replay.feed.orders
    assert order.stage is Stage.RELEASED
    assert (replay.link, replay.feed.curves.get(4).training) == (LinkState.UP, [])
    replay.advance(2 * NS_PER_S)
    assert order.stage is Stage.COMPLETED
    assert replay.feed.curves.get(4).training == [(1, 4.0), (30, 3.0)]
    assert replay.feed.jobs.snapshot()["4"]["state"] == "RUNNING"
    replay.seek(START_NS + 1_000 * NS_PER_S)
    assert replay.link is LinkState.DOWN
    replay.speed = 600
    replay.advance(60 * NS_PER_S)
    assert (replay.is_over, replay.link) == (True, LinkState.UP)
    assert replay.feed.jobs.snapshot()["4"]["state"] == "DONE"


def test_a_replay_can_go_back(path):
    replay = read_replay(path, START_NS, START_NS + 3_600 * NS_PER_S)
    replay.seek(replay.to_unix_ns)
    replay.seek(START_NS + 25 * NS_PER_S)
    assert replay.feed.curves.get(4).training == [(1, 4.0)]
    assert replay.unix_ns == START_NS + 25 * NS_PER_S


def test_a_replay_that_is_paused_stands_still(path):
    replay = read_replay(path, START_NS, START_NS + 3_600 * NS_PER_S)
    replay.is_paused = True
    replay.advance(NS_PER_S)
    assert (replay.unix_ns, list(replay.feed.orders)) == (START_NS, [])


@pytest.mark.parametrize(
    ("from_s", "to_s", "why"),
    [(10, 10, "an end after the beginning"), (10, 5, "an end after the beginning"), (-100, -50, "found nothing")],
)
def test_a_span_with_nothing_to_replay_says_so(path, from_s, to_s, why):
    with pytest.raises(MisuseError, match=why):
        read_replay(path, START_NS + from_s * NS_PER_S, START_NS + to_s * NS_PER_S)

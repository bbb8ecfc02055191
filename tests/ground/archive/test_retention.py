"""What is too old or too much goes, the plots of it and the commands stay."""

import sqlite3

import pytest

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ccsds.time import unix_ns_from_tai
from ground.archive.retention import Rule
from ground.events import CommandIssued, FrameReceived, LinkChanged, LinkState
from tests.ground.archive.conftest import NS_PER_S, T0_NS, opened, report

DAY_S = 86_400
NOW_NS = unix_ns_from_tai(T0_NS + 30 * DAY_S * NS_PER_S)

pytestmark = pytest.mark.usefixtures("small_blocks")


def filled(archive) -> None:
    """Fill thirty days, with one of each kind an hour."""
    for hour in range(30 * 24):
        tai_ns = T0_NS + hour * 3600 * NS_PER_S
        command = CommandIssued(
            time_ns=0,
            command_id=hour + 1,
            name="x",
            arguments={},
            service=Service.AD,
            source_id=5,
            sequence_count=hour,
            octets=b"x",
        )
        frame = FrameReceived(time_ns=0, virtual_channel=0, corrected=0, octets=bytes(200))
        archive.record(
            [report(tai_ns, {"x": hour}), frame, LinkChanged(time_ns=0, state=LinkState.UP), command],
            unix_ns_from_tai(tai_ns),
        )


def test_what_is_older_than_its_rule_goes_and_rollups_and_commands_stay(tmp_path):
    with opened(tmp_path / "a.sqlite") as (archive, history):
        filled(archive)
        removed = archive.retain(Rule(frames_s=2 * DAY_S, events_s=5 * DAY_S, telemetry_s=10 * DAY_S), NOW_NS)
        assert removed["frames"] == 28 * 24
        assert removed["events"] == 25 * 24
        # Whole chunks alone, so that no more than the rule says is gone.
        assert 20 * 24 - 2 <= removed["reports"] <= 20 * 24
        assert len(history.frames(1_000)) == 2 * 24
        assert len(list(history.reports.between())) == 30 * 24 - removed["reports"]
        assert len(history.commands(1_000)) == 30 * 24
        plot = history.samples.plot("core.x", T0_NS, T0_NS + 30 * DAY_S * NS_PER_S, 20)
        assert plot.maximum.max() == 30 * 24 - 1
        # Before the first whole rollup only reports themselves would tell.
        assert plot.minimum.min() <= 9
        archive.record([report(T0_NS + 31 * DAY_S * NS_PER_S, {"x": 1})], NOW_NS)


def test_over_its_size_an_archive_loses_frames_first_and_reports_then(tmp_path):
    with opened(tmp_path / "a.sqlite") as (archive, history):
        filled(archive)
        connection = sqlite3.connect(tmp_path / "a.sqlite")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.close()
        frames = archive.retain(Rule(size_octets=pages * 4096 - 50_000), NOW_NS)
        assert 200 < frames["frames"] < 600
        assert frames["reports"] == 0
        all_of_it = archive.retain(Rule(size_octets=1), NOW_NS)
        assert history.frames() == []
        assert all_of_it["reports"] > 700
        assert len(history.commands(1_000)) == 30 * 24


def test_nothing_goes_by_an_empty_rule(tmp_path):
    with opened(tmp_path / "a.sqlite") as (archive, _):
        filled(archive)
        assert archive.retain(Rule(), NOW_NS) == {"frames": 0, "events": 0, "reports": 0}


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_rule_that_says_nothing_sensible_is_refused(value):
    with pytest.raises(MisuseError, match="frames_s: expected more than 0, found"):
        Rule(frames_s=value)

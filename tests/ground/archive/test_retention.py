"""What is too old or too much goes, the plots of it and the commands stay."""

import contextlib
import sqlite3
import time
from dataclasses import replace

import pytest

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ccsds.time import unix_ns_from_tai
from ground import serve
from ground.archive.archive import Archive
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


class TestInService:
    @pytest.fixture
    def config(self, config, monkeypatch):
        monkeypatch.setattr(serve, "RETAIN_INTERVAL_S", 0.2)
        archive = Archive.open(config.archive_path, draw_source_id=lambda: 5, unix_ns=0)
        now_ns = time.time_ns()
        for age_s in (3 * DAY_S, 3 * DAY_S, 0):
            frame = FrameReceived(time_ns=0, virtual_channel=0, corrected=0, octets=bytes(200))
            archive.record([frame], now_ns - age_s * NS_PER_S)
        archive.close()
        return replace(config, retention=Rule(frames_s=2 * DAY_S))

    def test_a_station_removes_again_and_again_what_its_rule_does_not_keep(self, served):
        """Once what was there at the start, then what has grown old since."""

        def old_frames():
            with contextlib.closing(sqlite3.connect(served.config.archive_path)) as connection:
                oldest_ns = time.time_ns() - 2 * DAY_S * NS_PER_S
                (count,) = connection.execute("SELECT count(*) FROM frames WHERE unix_ns < ?", (oldest_ns,)).fetchone()
                return count

        until(lambda: old_frames() == 0)
        old = FrameReceived(time_ns=0, virtual_channel=0, corrected=0, octets=bytes(200))
        served.call(lambda: served.service.recorder.archive.record([old], time.time_ns() - 3 * DAY_S * NS_PER_S))
        until(lambda: sum("removed" in line for line in served.lines) >= 2)
        assert old_frames() == 0
        first = next(n for n, line in enumerate(served.lines) if line.startswith("archive: 2 frames, 0 events, 0 repo"))
        # Nobody who comes in waits for what years have left.
        assert first < next(n for n, line in enumerate(served.lines) if " serves " in line)

    class TestOfADamagedArchive:
        @pytest.fixture
        def config(self, config):
            """Damage what nobody but retention looks at here."""
            with contextlib.closing(sqlite3.connect(config.archive_path)) as connection:
                (page,) = connection.execute(
                    "SELECT rootpage FROM sqlite_master WHERE name = 'blocks_by_chunk'"
                ).fetchone()
                (size,) = connection.execute("PRAGMA page_size").fetchone()
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with config.archive_path.open("r+b") as file:
                file.seek((page - 1) * size)
                file.write(b"\xff" * size)
            return replace(config, retention=Rule(telemetry_s=DAY_S))

        def test_it_is_set_aside_and_the_station_goes_on_in_a_fresh_one(self, served, client):
            aside = served.config.archive_path.with_name("archive.sqlite.damaged-1")
            assert aside.exists()
            assert any(f"set aside as {aside.name}, a fresh one is begun" in line for line in served.lines)
            assert client.wait(client.send("test.connection"), 60)["stage"] == "COMPLETED"
            assert client.state()["archive_trouble"] == ""


def until(holds):
    deadline_s = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)

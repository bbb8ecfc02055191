"""``ground archive`` and ``ground replay`` from the command line, on a file without a station."""

import json

import pytest
from click.testing import CliRunner

from ground.__main__ import main
from ground.events import LinkChanged, LinkState
from tests.ground.archive.conftest import NS_PER_S, T0_NS, opened, report


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.sqlite"
    with opened(path) as (archive, _):
        archive.record([report(T0_NS + 60 * each * NS_PER_S, {"x": each}) for each in range(10)], 0)
        archive.commit()
    return path


def ground(*arguments, path, fails: int = 0) -> str:
    found = CliRunner().invoke(main, [*map(str, arguments), "--archive", str(path)])
    assert found.exit_code == fails, found.output
    return found.output


def test_names_reports_and_numbers_are_shown(path):
    assert ground("archive", "query", path=path).split() == ["core", "core.x"]
    assert "2026-11-10T11:15:03Z  x=9" in ground("archive", "query", "core", "--limit", 2, path=path)
    rows = json.loads(ground("archive", "query", "x", "--json", "--from", "2026-11-10T11:08:00", path=path))
    assert [each["maximum"] for each in rows] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert "lowest" in ground("archive", "query", "core.x", path=path)
    assert "found 'nothing'" in ground("archive", "query", "nothing", path=path, fails=2)
    assert "expected a UTC time" in ground("archive", "query", "x", "--from", "soon", path=path, fails=2)


def test_reports_are_exported(path, tmp_path):
    assert "10 reports written" in ground("archive", "export", tmp_path / "out.csv", "--name", "core", path=path)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 11


def test_a_sound_archive_verifies_and_a_damaged_one_does_not(path):
    assert ground("archive", "verify", path=path) == (
        "0 blocks of 0 reports, 10 reports that wait for one, 0 frames, 0 records of audit: faults: 0, gaps: 0\n"
    )
    path.write_bytes(b"\xff" * 4096)
    assert "file: file is not a database" in ground("archive", "verify", path=path, fails=1)
    assert "found: file is not a database" in ground("archive", "query", path=path, fails=2)


def test_what_is_not_to_be_kept_is_removed(path):
    removed = ground("archive", "retain", "--telemetry", "1s", "--shrink", path=path)
    assert removed == "0 frames, 0 events, 10 reports removed\n"
    assert "telemetry: expected a number and one of s, m, h, d, y, found 'soon'" in ground(
        "archive", "retain", "--telemetry", "soon", path=path, fails=2
    )


def test_a_replay_tells_it_again(path):
    lines = ground("replay", "--speed", 0, path=path).splitlines()
    assert lines[0] == "2026-11-10T11:06:03Z  core x=0"
    assert len(lines) == 11


def test_a_replay_without_a_beginning_begins_with_what_was_told_first(tmp_path):
    path = tmp_path / "b.sqlite"
    with opened(path) as (archive, _):
        archive.record([LinkChanged(time_ns=0, state=LinkState.UP)], 1_795_000_000 * NS_PER_S)
        archive.commit()
    assert ground("archive", "query", path=path) == "no report is in this archive yet\n"
    # From the first day of TAI on it would take years.
    lines = ground("replay", path=path).splitlines()
    assert lines[0].endswith("link UP")

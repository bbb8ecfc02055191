"""What is exported is what is in the archive, in the words of who asked; a replay reads packets as the station does."""

import csv
import sys

import pytest

from ccsds.errors import MisuseError
from ccsds.pus.telemetry import Telemetry
from ccsds.time import unix_ns_from_tai
from ground.archive.export import export
from ground.archive.replay import Replay
from ground.archive.reports import TIME_MAX_NS, TIME_MIN_NS
from ground.events import HousekeepingReceived, LinkChanged, LinkState
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.housekeeping import StructureKind
from tests.ground.archive.conftest import NS_PER_S, T0_NS, opened, report

ALL = (TIME_MIN_NS, TIME_MAX_NS)


def test_one_report_goes_as_a_column_for_each_value(tmp_path):
    with opened(tmp_path / "a.sqlite") as (archive, history):
        archive.record([report(T0_NS, {"x": 1, "s": "=1+1"}), report(T0_NS + NS_PER_S, {"y": [1, 2]})], 0)
        archive.record([report(T0_NS, {"z": 1}, "jobs")], 0)
        archive.commit()
        assert export(history, tmp_path / "out.csv", "csv", *ALL, "core") == 2
        with (tmp_path / "out.csv").open(newline="") as stream:
            rows = list(csv.reader(stream))
        assert rows == [
            ["utc", "tai_ns", "x", "s", "y"],
            ["2026-11-10T11:06:03.000Z", str(T0_NS), "1", "'=1+1", ""],
            ["2026-11-10T11:06:04.000Z", str(T0_NS + NS_PER_S), "", "", "[1, 2]"],
        ]
        assert export(history, tmp_path / "all.csv", "csv", T0_NS, T0_NS + 1) == 2
        assert (tmp_path / "all.csv").read_text().splitlines()[1:] == [
            f"2026-11-10T11:06:03.000Z,{T0_NS},core,x,1",
            f"2026-11-10T11:06:03.000Z,{T0_NS},core,s,'=1+1",
            f"2026-11-10T11:06:03.000Z,{T0_NS},jobs,z,1",
        ]
        assert export(history, tmp_path / "out.bin", "raw", *ALL) == 3
        assert (tmp_path / "out.bin").read_bytes() == b"packet" * 3
        assert not list(tmp_path.glob("*.unfinished"))
        with pytest.raises(MisuseError, match="expected one of csv, raw, parquet, found 'xml'"):
            export(history, tmp_path / "out", "xml", *ALL)


def test_without_pyarrow_parquet_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with opened(tmp_path / "a.sqlite") as (_, history), pytest.raises(MisuseError, match="pip install pyarrow"):
        export(history, tmp_path / "out.parquet", "parquet", *ALL, "core")


def test_parquet_has_what_csv_has(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install pyarrow")
    with opened(tmp_path / "a.sqlite") as (archive, history):
        first = {"x": 1, "m": "A", "n": (1 << 64) - 1, "list": [1, 2], "mixed": 1, "nan": float("nan")}
        archive.record([report(T0_NS, first), report(T0_NS + NS_PER_S, {"x": 1.5, "n": -1, "mixed": "two"})], 0)
        archive.record([report(T0_NS + 1, {"z": True}, "jobs")], 0)
        archive.commit()
        assert export(history, tmp_path / "out.parquet", "parquet", *ALL, "core") == 2
        with pytest.raises(MisuseError, match="expected the name of one report for Parquet"):
            export(history, tmp_path / "all.parquet", "parquet", *ALL)
    assert parquet.read_table(tmp_path / "out.parquet").to_pydict() == {
        "utc": ["2026-11-10T11:06:03.000Z", "2026-11-10T11:06:04.000Z"],
        "tai_ns": [T0_NS, T0_NS + NS_PER_S],
        "x": [1.0, 1.5],
        "m": ["A", None],
        "n": [float((1 << 64) - 1), -1.0],
        "list": ["[1, 2]", None],
        "mixed": ["1", "two"],
        "nan": [None, None],
    }


def core(number: int) -> HousekeepingReceived:
    """Give a report of housekeeping with its packet, as a spacecraft sends it."""
    values = {each.name: number for each in DICTIONARY.structures[1].layout.fields}
    values["dictionary_digest"] = bytes(DICTIONARY.digest)
    data = bytes([1]) + DICTIONARY.structures[1].layout.encode(values)
    tai_ns = T0_NS + number * NS_PER_S
    packet = Telemetry(Apid.CORE, number, 3, 25, number, 0, tai_ns, data).encode()
    return HousekeepingReceived(
        time_ns=0,
        tai_ns=tai_ns,
        virtual_channel=0,
        kind=StructureKind.HOUSEKEEPING,
        structure=1,
        name="core",
        values=values,
        packet=packet,
    )


def test_a_replay_tells_all_in_its_time_and_knows_what_the_station_knew(tmp_path):
    start_ns = unix_ns_from_tai(T0_NS)
    with opened(tmp_path / "a.sqlite") as (archive, history):
        archive.record([core(number) for number in (4, 1, 3)], start_ns)
        archive.record([LinkChanged(time_ns=0, state=LinkState.DOWN)], start_ns + 2 * NS_PER_S)
        archive.record([report(T0_NS + 5 * NS_PER_S, {"x": 1}, "old")], start_ns)
        archive.commit()
        replay = Replay(history, DICTIONARY, start_ns, start_ns + 100 * NS_PER_S)
        assert replay.next_unix_ns == start_ns + NS_PER_S
        told = list(replay.advance(start_ns + 2 * NS_PER_S))
        assert [(at - start_ns, each["type"]) for at, each in told] == [
            (NS_PER_S, "HousekeepingReceived"),
            (2 * NS_PER_S, "LinkChanged"),
        ]
        assert replay.snapshot()["housekeeping"]["1"]["values"]["uptime"] == 1
        told = list(replay.advance(start_ns + 100 * NS_PER_S))
        assert [each["type"] for _, each in told] == ["HousekeepingReceived", "HousekeepingReceived", "Archived"]
        assert replay.snapshot()["housekeeping"]["1"]["values"]["uptime"] == 4
        assert replay.next_unix_ns is None
        with pytest.raises(MisuseError, match="a start before its end"):
            Replay(history, DICTIONARY, 5, 5)

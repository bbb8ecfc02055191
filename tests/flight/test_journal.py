"""The journal: what was synced is read back; what was torn or damaged costs only itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from flight.disk import RealDisk
from flight.journal import RECORD_OCTETS_MAX, Journal

RECORDS = [b"one", b"", b"LJR1LJR1", bytes(300)]


@pytest.fixture
def disk(tmp_path):
    return RealDisk(tmp_path)


def written(disk, records):
    journal = Journal(disk, "journal")
    journal.recover()
    for record in records:
        journal.append(record)
    return disk.read("journal")


def test_what_was_appended_is_recovered_in_order(disk):
    data = written(disk, RECORDS)
    recovery = Journal(disk, "journal").recover()
    assert recovery.records == tuple(RECORDS)
    assert recovery.damaged_octets == 0
    assert len(data) == sum(12 + len(record) for record in RECORDS)


def test_a_journal_that_was_never_written_is_empty(disk):
    assert Journal(disk, "journal").recover().records == ()


def test_every_torn_tail_loses_only_the_record_that_was_being_written(disk, tmp_path):
    data = written(disk, RECORDS)
    ends = [sum(12 + len(record) for record in RECORDS[:count]) for count in range(len(RECORDS) + 1)]
    for length in range(len(data)):
        (tmp_path / "journal").write_bytes(data[:length])
        recovery = Journal(disk, "journal").recover()
        whole = sum(end <= length for end in ends) - 1
        assert recovery.records == tuple(RECORDS[:whole])
        assert recovery.damaged_octets == length - ends[whole]


def test_every_single_bit_flip_loses_at_most_the_record_it_struck(disk, tmp_path):
    records = [b"alpha", b"beta", b"gamma"]
    data = written(disk, records)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        (tmp_path / "journal").write_bytes(flipped)
        recovery = Journal(disk, "journal").recover()
        assert len(recovery.records) == 2
        assert set(recovery.records) < set(records)
        assert recovery.damaged_octets > 0


@given(data=st.binary(max_size=200))
def test_any_octets_are_recovered_from_without_an_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("store")
    (folder / "journal").write_bytes(data)
    recovery = Journal(RealDisk(folder), "journal").recover()
    assert recovery.damaged_octets + sum(12 + len(record) for record in recovery.records) == len(data)


def test_a_replacement_takes_the_place_of_all_records(disk):
    written(disk, RECORDS)
    journal = Journal(disk, "journal")
    journal.recover()
    journal.replace([b"sum"])
    journal.append(b"more")
    assert Journal(disk, "journal").recover().records == (b"sum", b"more")
    assert disk.list() == ["journal"]


def test_a_replacement_that_was_cut_off_is_begun_anew(disk):
    written(disk, RECORDS)
    disk.append("journal.new", b"half a replacement")
    journal = Journal(disk, "journal")
    assert journal.recover().records == tuple(RECORDS)
    journal.replace([b"sum"])
    assert Journal(disk, "journal").recover().records == (b"sum",)


def test_a_record_beyond_the_bound_is_refused(disk):
    journal = Journal(disk, "journal")
    with pytest.raises(MisuseError, match=f"at most {RECORD_OCTETS_MAX} octets"):
        journal.append(bytes(RECORD_OCTETS_MAX + 1))


def test_what_is_read_at_boot_is_made_durable_before_it_is_believed(disk, monkeypatch):
    written(disk, RECORDS)
    synced = []
    fsync = disk.fsync
    monkeypatch.setattr(disk, "fsync", lambda path: (synced.append(path), fsync(path)))
    Journal(disk, "journal").recover()
    assert synced == ["journal", ""]


def test_a_replacement_is_synced_before_it_takes_the_place_and_its_name_after(disk, monkeypatch):
    written(disk, RECORDS)
    operations = []
    for name in ("append", "fsync", "rename"):
        original = getattr(disk, name)
        monkeypatch.setattr(
            disk,
            name,
            lambda *given, name=name, original=original: (operations.append((name, given[0])), original(*given)),
        )
    journal = Journal(disk, "journal")
    journal.recover()
    operations.clear()
    journal.replace([b"sum"])
    assert operations == [
        ("append", "journal.new"), ("fsync", "journal.new"), ("rename", "journal.new"), ("fsync", ""),
    ]  # fmt: skip

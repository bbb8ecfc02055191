"""The journal: what was synced is read back; what was torn or damaged costs only itself."""

import errno
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flight.journal
from ccsds.crc import crc32c
from ccsds.errors import MisuseError
from flight.disk import RealDisk
from flight.journal import CHECK_OCTETS, RECORD_OCTETS_MAX, Journal
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams

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
    assert recovery.sync_error is None
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
        # What is at the end may be torn as well; before a whole record it was whole once.
        is_last = records[2] not in recovery.records
        assert recovery.damaged_octets == 12 + len((set(records) - set(recovery.records)).pop())
        assert recovery.lost_octets == (0 if is_last else recovery.damaged_octets)


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


def test_a_journal_that_cannot_be_synced_is_read_all_the_same_and_says_so(disk, monkeypatch):
    written(disk, RECORDS)

    def fsync(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk, "fsync", fsync)
    recovery = Journal(disk, "journal").recover()
    assert recovery.records == tuple(RECORDS)
    assert recovery.sync_error.errno == errno.EIO


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


def doubled(disk, records, synced=None):
    """Write a journal with a second copy, of which the first ``synced`` records are synced and the rest missing."""
    journal = Journal(disk, "journal", "copy")
    journal.recover()
    for number, record in enumerate(records):
        journal.append(record)
        if synced is None or number < synced:
            journal.sync_copy()
            kept = disk.read("copy")
    if synced:
        (disk.root / "copy").write_bytes(kept)
    return disk.read("journal")


def test_every_single_bit_flip_in_either_copy_costs_nothing(disk, tmp_path):
    data = doubled(disk, RECORDS)
    assert disk.read("copy") == data
    for name in ("journal", "copy"):
        for bit in range(8 * len(data)):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 0x80 >> bit % 8
            (tmp_path / name).write_bytes(flipped)
            recovery = Journal(disk, "journal", "copy").recover()
            assert recovery.records == tuple(RECORDS)
            assert recovery.damaged_octets == 0
            assert (recovery.mended_octets > 0) == (name == "journal")
            (tmp_path / name).write_bytes(data)


def test_a_copy_that_is_behind_mends_what_it_has(disk, tmp_path):
    data = doubled(disk, [b"alpha", b"beta", b"gamma"], synced=1)
    (tmp_path / "journal").write_bytes(b"?" + data[1:])
    assert Journal(disk, "journal", "copy").recover().records == (b"alpha", b"beta", b"gamma")
    (tmp_path / "journal").write_bytes(data[:-1] + b"?")
    recovery = Journal(disk, "journal", "copy").recover()
    assert (recovery.records, recovery.damaged_octets) == ((b"alpha", b"beta"), 17)


@pytest.mark.parametrize("struck", [0, 20, 40])
def test_a_copy_of_another_time_is_not_believed(disk, tmp_path, struck):
    old = doubled(disk, [b"old alpha", b"old beta", b"old gamma"])
    journal = Journal(disk, "journal", "copy")
    journal.recover()
    journal.replace([b"alpha", b"beta", b"gamma"])
    (tmp_path / "copy").write_bytes(old)
    data = bytearray(disk.read("journal"))
    data[struck] ^= 1
    (tmp_path / "journal").write_bytes(data)
    recovery = Journal(disk, "journal", "copy").recover()
    assert set(recovery.records) < {b"alpha", b"beta", b"gamma"}
    assert recovery.mended_octets == 0


def test_a_copy_never_brings_back_what_the_journal_never_had(disk):
    class Failing(RealDisk):
        is_failing = False

        def append(self, path, data):
            if self.is_failing and path == "journal":
                raise OSError(28, "no space")
            super().append(path, data)

    failing = Failing(disk.root)
    journal = Journal(failing, "journal", "copy")
    journal.recover()
    journal.append(b"one")
    failing.is_failing = True
    with pytest.raises(OSError, match="no space"):
        journal.append(b"two")
    failing.is_failing = False
    journal.sync_copy()
    assert Journal(disk, "journal", "copy").recover().records == (b"one",)


def test_a_copy_that_cannot_be_written_fails_nobody_and_is_made_anew(disk):
    class Failing(RealDisk):
        is_failing = True

        def append(self, path, data):
            super().append(path, data[:3] if self.is_failing and path == "copy" else data)
            if self.is_failing and path == "copy":
                raise OSError(5, "bad medium")

    failing = Failing(disk.root)
    journal = Journal(failing, "journal", "copy")
    journal.recover()
    for record in RECORDS:
        journal.append(record)
    assert not journal.has_synced_copy
    failing.is_failing = False
    journal.sync_copy()
    assert disk.read("copy") == disk.read("journal")
    assert journal.has_synced_copy


def test_a_copy_that_cannot_be_read_at_a_start_is_not_taken_for_an_empty_one(disk):
    class Failing(RealDisk):
        is_failing = True

        def read(self, path, *where):
            if self.is_failing and path == "copy":
                self.is_failing = False
                raise OSError(errno.EIO, "bad medium")
            return super().read(path, *where)

    doubled(disk, RECORDS)
    journal = Journal(Failing(disk.root), "journal", "copy")
    assert journal.recover().records == tuple(RECORDS)
    journal.append(b"after")
    assert disk.read("copy") == disk.read("journal")
    assert journal.has_synced_copy


def require_each_strike_to_cost_nothing(root, disk, expected):
    """Strike what lies in either file in a burst, as a particle may while power is off, and read it."""
    for name in ("journal", "copy"):
        kept = (root / name).read_bytes() if (root / name).exists() else b""
        for start in range(0, len(kept), 37):
            struck = bytearray(kept)
            for offset in range(start, min(start + 256, len(struck)), 31):
                struck[offset] ^= 1 << offset % 8
            (root / name).write_bytes(struck)
            assert Journal(disk, "journal", "copy").recover().records in expected, (name, start)
            (root / name).write_bytes(kept)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("is_replaced", [False, True])
def test_what_was_acknowledged_outlasts_a_power_cut_and_a_strike_while_power_is_off(tmp_path, is_replaced, seed):
    before = (b"alpha" * 60, b"", b"beta" * 30)
    after = (b"sum" * 100, b"beta" * 40) if is_replaced else (*before, b"gamma" * 50)
    is_cut = True
    for operation in count(1):
        root = tmp_path / str(operation)
        disk = SimulatedDisk(root, Streams(seed, f"{operation}/"))
        journal = Journal(disk, "journal", "copy")
        journal.recover()
        for record in before:
            journal.append(record)
        disk.cut_at(disk.operations + operation)
        try:
            journal.replace(after) if is_replaced else journal.append(after[-1])
            is_cut = False
            disk.power_cut()
        except PowerCut:
            pass
        disk.power_on()
        require_each_strike_to_cost_nothing(root, disk, {before, after} if is_cut else {after})
        again = Journal(disk, "journal", "copy")
        found = again.recover()
        if found.damaged_octets:
            again.replace(found.records)
        again.append(b"next")
        disk.power_cut()
        disk.power_on()
        require_each_strike_to_cost_nothing(root, disk, {(*found.records, b"next")})
        if not is_cut:
            break
    assert operation > 4


def test_a_journal_is_checked_part_by_part(disk, tmp_path):
    records = [bytes([number]) * 30_000 for number in range(10)]
    data = doubled(disk, records)
    journal = Journal(disk, "journal", "copy")
    journal.recover()
    journal.sync_copy()

    def damaged_at():
        position = 0
        while position < journal.length_octets:
            check = journal.check(position)
            if not check.is_whole:
                return position
            assert position < check.end_octets <= position + CHECK_OCTETS
            position = check.end_octets
        return None

    assert damaged_at() is None
    for names in (("journal",), ("copy",), ("journal", "copy")):
        for place in range(5, len(data), 12_345):
            flipped = bytearray(data)
            flipped[place] ^= 1
            for name in names:
                (tmp_path / name).write_bytes(flipped)
            found = damaged_at()
            assert found is not None
            assert found <= place < found + CHECK_OCTETS
        for name in names:
            (tmp_path / name).write_bytes(data)


def places(journal):
    """Check a journal from its beginning, and give where each part ends that is whole."""
    ends = [0]
    while ends[-1] < journal.length_octets and (check := journal.check(ends[-1])).is_whole:
        ends.append(check.end_octets)
    return ends


def test_what_was_seen_to_be_whole_is_only_compared_and_what_came_since_is_looked_at(disk, monkeypatch):
    summed = []
    monkeypatch.setattr(flight.journal, "crc32c", lambda data: summed.append(len(data)) or crc32c(data))
    doubled(disk, [bytes([number]) * 30_000 for number in range(10)])
    journal = Journal(disk, "journal", "copy")
    journal.recover()
    journal.sync_copy()
    ends = places(journal)
    assert ends[-1] == journal.length_octets
    journal.append(b"one more")
    summed.clear()
    assert places(journal)[-1] == journal.length_octets
    # The last part, which was shorter than a slice, and the record that came to it.
    assert sum(summed) < CHECK_OCTETS
    journal.replace([bytes([number]) * 20_000 for number in range(10)])
    summed.clear()
    assert places(journal)[-1] == journal.length_octets
    assert len(summed) >= 10


def test_a_journal_that_grows_between_looks_is_looked_at_in_as_few_parts_as_one_that_did_not(disk):
    journal = Journal(disk, "journal")
    journal.recover()
    for _ in range(40):
        journal.append(bytes(5_000))
        ends = places(journal)
    again = Journal(disk, "journal")
    again.recover()
    assert ends == places(again)

"""The simulated disk: an ordinary disk until power is cut, and then no kinder than POSIX is."""

import errno
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hil.disk.simulated_disk
from ccsds.errors import MisuseError
from flight.disk import Disk, RealDisk, directory_of
from flight.journal import Journal
from hil.disk.simulated_disk import CAPACITY_OCTETS, DiskForgot, PowerCut, SimulatedDisk
from hil.disk.unsynced_file import PAGE_OCTETS, SECTOR_OCTETS
from hil.streams import Streams

SEEDS = range(60)


@pytest.fixture
def fresh(tmp_path):
    """Make as many disks as are asked for, each empty."""
    numbers = itertools.count()

    def make(seed=0):
        return SimulatedDisk(tmp_path / str(next(numbers)), Streams(seed))

    return make


def after_cut(disk):
    """Cut power and tell what is on the disk after it."""
    disk.power_cut()
    disk.power_on()
    return contents(disk)


def contents(disk: Disk):
    return {path: disk.read(path) for path in disk.list()}


def make_durable(disk, path, data):
    disk.append(path, data)
    disk.fsync(path)
    disk.fsync(directory_of(path))


def test_another_process_sees_synced_and_unsynced_files_alike(fresh):
    disk = fresh()
    make_durable(disk, "a/synced", b"1")
    disk.append("a/unsynced", b"2")
    disk.rename("a/unsynced", "a/renamed")
    assert contents(RealDisk(disk.root)) == {"a/synced": b"1", "a/renamed": b"2"}


def test_what_was_synced_survives_every_cut(fresh):
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "dir/file", b"kept")
        assert after_cut(disk) == {"dir/file": b"kept"}


def test_a_file_whose_directory_was_not_synced_may_be_gone(fresh):
    outcomes = []
    for seed in SEEDS:
        disk = fresh(seed)
        disk.append("dir/file", b"kept")
        disk.fsync("dir/file")
        disk.fsync("")
        outcomes.append(after_cut(disk))
    assert {} in outcomes
    assert {"dir/file": b"kept"} in outcomes
    assert len({str(outcome) for outcome in outcomes}) == 2


def test_a_file_that_was_not_synced_may_be_empty_under_its_durable_name(fresh):
    lengths = set()
    for seed in SEEDS:
        disk = fresh(seed)
        disk.append("file", b"x" * 2000)
        disk.fsync("")
        lengths.add(len(after_cut(disk)["file"]))
    assert {0, 2000} < lengths


def test_an_unsynced_append_leaves_at_least_what_was_synced_and_at_most_all(fresh):
    old, new = b"o" * 700, b"n" * 5000
    seen = set()
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "journal", old)
        disk.append("journal", new)
        left = after_cut(disk)["journal"]
        assert left[:700] == old
        assert set(left[700:]) <= set(b"n\0")
        seen.add("zeros" if b"\0" in left else "all" if len(left) == 5700 else "none" if len(left) == 700 else "part")
    assert seen == {"zeros", "all", "none", "part"}


def test_an_unsynced_overwrite_is_torn_at_sectors_and_nowhere_else(fresh):
    length = 3 * PAGE_OCTETS + 100
    mixtures = set()
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "slot", b"o" * length)
        disk.pwrite("slot", 1000, b"n" * (length - 1000))
        left = after_cut(disk)["slot"]
        assert len(left) == length
        assert left[:1000] == b"o" * 1000
        sectors = [left[start : start + SECTOR_OCTETS] for start in range(1024, length, SECTOR_OCTETS)]
        assert all(len(set(sector)) == 1 for sector in sectors)
        mixtures.add(b"".join(sector[:1] for sector in sectors))
    assert b"o" * 23 in mixtures
    assert b"n" * 23 in mixtures
    assert len(mixtures) > 3


def test_a_second_overwrite_does_not_hide_what_was_synced(fresh):
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "slot", b"1" * 600)
        disk.pwrite("slot", 0, b"2" * 600)
        disk.pwrite("slot", 0, b"3" * 900)
        left = after_cut(disk)["slot"]
        assert set(left[:512]) in ({ord("1")}, {ord("3")})
        assert len(left) >= 600


def test_an_unsynced_rename_happens_wholly_or_not_at_all(fresh):
    outcomes = []
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "current", b"old")
        make_durable(disk, "next", b"new")
        disk.rename("next", "current")
        assert contents(disk) == {"current": b"new"}
        outcomes.append(after_cut(disk))
    assert {str(outcome) for outcome in outcomes} == {
        str({"current": b"new"}),
        str({"current": b"old", "next": b"new"}),
    }


def test_a_rename_followed_by_a_sync_of_its_directory_is_durable(fresh):
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "a/current", b"old")
        disk.append("a/next", b"new")
        disk.fsync("a/next")
        disk.rename("a/next", "a/current")
        disk.fsync("a")
        assert after_cut(disk) == {"a/current": b"new"}


def test_a_rename_into_another_directory_is_one_change(fresh):
    outcomes = []
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "a/file", b"x")
        disk.rename("a/file", "b/file")
        outcomes.append(after_cut(disk))
    assert {str(outcome) for outcome in outcomes} == {str({"a/file": b"x"}), str({"b/file": b"x"})}


def test_an_unsynced_removal_may_be_undone_with_the_content_that_was_synced(fresh):
    outcomes = []
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "file", b"content")
        disk.remove("file")
        assert disk.list() == []
        outcomes.append(after_cut(disk))
    assert {} in outcomes
    assert {"file": b"content"} in outcomes


def test_a_file_made_again_under_a_name_does_not_inherit_the_old_content(fresh):
    outcomes = set()
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "file", b"old")
        disk.remove("file")
        disk.append("file", b"new")
        disk.fsync("file")
        outcomes.add(after_cut(disk).get("file"))
    assert outcomes == {b"old", None, b"new"}


def test_a_file_of_another_process_counts_as_synced(fresh):
    for seed in SEEDS:
        disk = fresh(seed)
        RealDisk(disk.root).append("slot.new", b"weights")
        disk.rename("slot.new", "slot")
        disk.fsync("")
        assert after_cut(disk) == {"slot": b"weights"}


def test_equal_seeds_forget_equally_and_others_do_not(fresh):
    def outcome(seed):
        disk = fresh(seed)
        for index in range(8):
            make_durable(disk, f"file{index}", b"o" * 3000)
            disk.pwrite(f"file{index}", 0, b"n" * 3000)
        return after_cut(disk)

    assert outcome(1) == outcome(1)
    assert outcome(1) != outcome(2)


def test_the_disk_goes_on_after_a_cut_with_what_is_left(fresh):
    disk = fresh(4)
    for _ in range(10):
        disk.append("file", b"more")
        before = after_cut(disk)
        disk.append("file", b"!")
        disk.fsync("file")
        disk.fsync("")
        assert after_cut(disk)["file"] == before.get("file", b"") + b"!"


def test_nothing_works_without_power(fresh):
    disk = fresh()
    disk.append("file", b"x")
    forgot = disk.power_cut()
    for use in (
        lambda: disk.append("file", b"y"),
        lambda: disk.pwrite("file", 0, b"y"),
        lambda: disk.read("file"),
        lambda: disk.fsync("file"),
        lambda: disk.rename("file", "other"),
        lambda: disk.list(),
        lambda: disk.size("file"),
        lambda: disk.remove("file"),
        disk.power_cut,
    ):
        with pytest.raises(PowerCut) as caught:
            use()
        assert caught.value.forgot == forgot


def test_nothing_on_board_can_catch_a_power_cut(fresh):
    disk = fresh()
    disk.cut_at(1)
    with pytest.raises(PowerCut):
        try:
            disk.append("file", b"x")
        except Exception:  # The widest net that a program casts.
            pytest.fail("a computer without power went on")


def test_the_cut_comes_at_the_operation_it_was_set_for(fresh):
    disk = fresh()
    disk.cut_at(3)
    disk.append("file", b"x")
    disk.fsync("file")
    assert disk.operations == 2
    with pytest.raises(PowerCut, match="power was cut at disk operation 3"):
        disk.fsync("")


def test_a_cut_in_the_past_is_refused(fresh):
    disk = fresh()
    disk.append("file", b"x")
    with pytest.raises(MisuseError, match="expected a disk operation after number 1, found 1"):
        disk.cut_at(1)


def test_what_a_cut_took_is_told_in_one_line():
    forgot = DiskForgot(operation=12, files_altered=2, names_undone=1)
    assert str(forgot) == (
        "power was cut at disk operation 12: 2 files lost unsynced content, 1 unsynced names were undone"
    )


def test_a_directory_that_was_made_and_not_synced_may_be_gone_and_one_removed_may_be_back(fresh):
    made, removed = set(), set()
    for seed in SEEDS:
        disk = fresh(seed)
        disk.make_directory("old")
        disk.fsync("")
        disk.make_directory("new")
        disk.remove_directory("old")
        after_cut(disk)
        made.add(disk.is_directory("new"))
        removed.add(disk.is_directory("old"))
    assert made == removed == {False, True}


def test_directories_are_durable_once_the_one_above_is_synced(fresh):
    for seed in SEEDS:
        disk = fresh(seed)
        disk.make_directory("old")
        disk.make_directory("new")
        disk.fsync("")
        disk.remove_directory("old")
        disk.fsync("")
        after_cut(disk)
        assert disk.list_directories() == ("new",)


def test_a_durable_name_keeps_the_directory_it_is_in(fresh):
    for seed in SEEDS:
        disk = fresh(seed)
        disk.make_directory("new")
        make_durable(disk, "new/file", b"kept")
        assert after_cut(disk) == {"new/file": b"kept"}


def test_what_was_in_a_directory_that_vanishes_vanishes_with_it(fresh):
    outcomes = set()
    for seed in SEEDS:
        disk = fresh(seed)
        disk.make_directory("new")
        disk.append("new/file", b"x")
        disk.fsync("new/file")
        left = after_cut(disk)
        outcomes.add((disk.is_directory("new"), bool(left)))
    assert outcomes == {(False, False), (True, False), (True, True)}


def test_a_directory_whose_removal_lasts_has_nothing_left_in_it(fresh):
    outcomes = set()
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "dir/file", b"x")
        disk.remove("dir/file")
        disk.remove_directory("dir")
        left = after_cut(disk)
        outcomes.add((disk.is_directory("dir"), bool(left)))
    assert outcomes == {(False, False), (True, False), (True, True)}


def test_a_directory_made_again_for_a_file_is_durable_at_once_and_so_is_the_removal_before(fresh):
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "dir/old", b"o")
        disk.remove("dir/old")
        disk.remove_directory("dir")
        disk.append("dir/new", b"n")
        assert after_cut(disk).keys() <= {"dir/new"}
        assert disk.is_directory("dir")


def test_a_directory_that_is_not_empty_stays(fresh):
    disk = fresh()
    disk.append("dir/file", b"x")
    with pytest.raises(OSError, match="not empty"):
        disk.remove_directory("dir")
    with pytest.raises(FileExistsError):
        disk.make_directory("dir")
    assert disk.list() == ["dir/file"]


def test_what_is_free_is_counted_from_the_capacity_alone(tmp_path):
    disk = SimulatedDisk(tmp_path / "disk", Streams(0), capacity_octets=1000)
    disk.append("a", b"x" * 300)
    disk.append(".cfdp/b", b"x" * 300)
    assert disk.free_octets() == 400
    disk.append("a", b"x" * 500)
    assert disk.free_octets() == 0


def test_missing_files_are_refused_as_on_a_real_disk(fresh):
    disk = fresh()
    for use in (lambda: disk.fsync("x"), lambda: disk.rename("x", "y"), lambda: disk.remove("x")):
        with pytest.raises(FileNotFoundError):
            use()
    with pytest.raises(MisuseError):
        disk.append("../outside", b"x")


def test_old_content_beyond_its_bound_counts_as_written(fresh, monkeypatch):
    monkeypatch.setattr(hil.disk.simulated_disk, "UNDO_OCTETS_MAX", 2 * PAGE_OCTETS)
    for seed in SEEDS:
        disk = fresh(seed)
        make_durable(disk, "file", b"o" * (4 * PAGE_OCTETS))
        for page in range(4):
            disk.pwrite("file", page * PAGE_OCTETS, b"n" * PAGE_OCTETS)
        assert after_cut(disk)["file"][: 2 * PAGE_OCTETS] == b"n" * (2 * PAGE_OCTETS)


def test_names_beyond_their_bound_count_as_synced(fresh, monkeypatch):
    monkeypatch.setattr(hil.disk.simulated_disk, "RENAMINGS_MAX", 3)
    for seed in SEEDS:
        disk = fresh(seed)
        for index in range(5):
            disk.append(f"file{index}", b"x")
        assert {"file0", "file1"} <= set(after_cut(disk))


def test_a_journal_keeps_every_record_it_acknowledged_through_a_cut_at_every_operation(fresh):
    """The journal of the spacecraft, over a power cut at each of its disk operations, for several seeds."""

    def life(disk, acknowledged):
        journal = Journal(disk, "store/journal")
        journal.recover()
        for index in range(6):
            journal.append(b"record %d " % index * 90)
            acknowledged.append(index)
        journal.replace([b"record %d " % index * 90 for index in range(6)])
        journal.append(b"record 6 " * 90)
        acknowledged.append(6)

    undisturbed = fresh()
    life(undisturbed, [])
    assert undisturbed.operations > 20
    for seed in range(8):
        for operation in range(1, undisturbed.operations + 1):
            disk = fresh(seed)
            disk.cut_at(operation)
            acknowledged = []
            with pytest.raises(PowerCut):
                life(disk, acknowledged)
            disk.power_on()
            found = [int(record.split()[1]) for record in Journal(disk, "store/journal").recover().records]
            assert found[: len(acknowledged)] == acknowledged
            assert found in (list(range(len(acknowledged))), list(range(len(acknowledged) + 1)))


paths = st.sampled_from(["a", "b", "dir/a", "dir/b", "new/a", "new/inner/b"])
actions = st.one_of(
    st.tuples(st.just("append"), paths, st.integers(1, 6000)),
    st.tuples(st.just("pwrite"), paths, st.integers(0, 9000), st.integers(1, 6000)),
    st.tuples(st.just("fsync"), paths),
    st.tuples(st.just("fsync"), st.sampled_from(["", "dir"])),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("remove"), paths),
    st.tuples(st.just("make_directory"), st.sampled_from(["new", "new/inner"])),
    st.tuples(st.just("remove_directory"), st.sampled_from(["new", "new/inner", "dir"])),
)


@settings(deadline=None, max_examples=150)
@given(actions=st.lists(actions, max_size=25), seed=st.integers(0, 1000))
def test_it_is_a_real_disk_until_the_cut_and_keeps_after_it_all_that_was_synced(tmp_path_factory, actions, seed):
    folder = tmp_path_factory.mktemp("disks")
    disk, real = SimulatedDisk(folder / "simulated", Streams(seed)), RealDisk(folder / "real")
    for target in (disk, real):
        make_durable(target, "dir/file", b"so that the directory is there")
    safe_content, safe_names = {}, {}
    for number, (action, *arguments) in enumerate(actions):
        if action in ("append", "pwrite"):
            arguments[-1] = bytes([number + 1]) * arguments[-1]
        outcomes = []
        for target in (disk, real):
            try:
                getattr(target, action)(*arguments)
                outcomes.append("done")
            except OSError as error:
                outcomes.append(error.errno or errno.ENOENT)
        assert outcomes[0] == outcomes[1]
        now = contents(real)
        assert contents(disk) == now
        assert disk.list_directories() == real.list_directories()
        assert disk.free_octets() == CAPACITY_OCTETS - sum(map(len, now.values()))
        # Which names and contents a cut may not touch: both synced, and not touched since.
        if action == "fsync" and outcomes[0] == "done":
            path = arguments[0]
            if path in now:
                safe_content[path] = now[path]
            if path in ("", "dir"):
                safe_names.update({name: True for name in now if directory_of(name) == path})
        elif action.endswith("directory"):
            continue
        elif outcomes[0] == "done" and not (action == "rename" and arguments[0] == arguments[1]):
            for path in arguments[:2] if action == "rename" else arguments[:1]:
                safe_content.pop(path, None)
                if action in ("rename", "remove"):
                    safe_names.pop(path, None)
    forgot = disk.power_cut()
    disk.power_on()
    left = contents(disk)
    assert disk.free_octets() == CAPACITY_OCTETS - sum(map(len, left.values()))
    for path in safe_content.keys() & safe_names.keys():
        assert left[path] == safe_content[path]
    for path in safe_names:
        assert path in left
    assert forgot.operation == disk.operations
    assert list((folder / "simulated.removed").glob("*")) == []

"""Scrubbing: whatever is struck at rest is found and mended, whatever changes in order is left alone."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.books.boots import Booted
from flight.books.commands import Executed, Identity
from flight.books.jobs import JobMoved, JobSubmitted
from flight.books.seal import StruckBookError
from flight.ledger import Ledger
from flight.scrubbing.care import CaringDisk, is_cared_for
from flight.scrubbing.scrubber import (
    BOOKS_NS,
    FIRST_PASS_NS,
    SEARCH_NS,
    SLICE_OCTETS,
    WHOLE_BOOKS_NS,
    Scrubber,
)
from flight.scrubbing.second_copies import DIRECTORY, LABEL_OCTETS, Kind, place_of
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from mission.jobs import JobState

SECOND = 1_000_000_000
MODEL = "jobs/3/model.safetensors"
CONTENT = {
    "files/a": b"alpha" * 100,
    "files/dir/empty": b"",
    "files/large": random.Random(1).randbytes(SLICE_OCTETS + 1000),
    MODEL: random.Random(2).randbytes(5000),
    "slots/software-a.zip": b"PK" * 50,
}


@dataclass
class Said:
    """A reporter that keeps what it is told."""

    events: list = field(default_factory=list)

    def event(self, definition, **values):
        self.events.append((definition.name, values.get("path", "")))


class Bench:
    """A store that is scrubbed."""

    def __init__(self, folder, seed=1):
        self.disk = SimulatedDisk(folder / "store", Streams(seed))
        self.settled = True
        self.boot()

    def boot(self):
        self.said = Said()
        self.ledger = Ledger(self.disk)
        self.ledger.commit(Booted(1))
        self.scrubber = Scrubber(self.disk, self.ledger, self.said, lambda path: self.settled, 0)
        self.caring = CaringDisk(self.disk, self.scrubber.changing)
        self.now_ns = 0

    def fill(self):
        for path, data in CONTENT.items():
            self.caring.append(path, data)
            self.disk.fsync(path)
            self.disk.fsync(path.rpartition("/")[0])
        self.search()

    def run(self, is_over):
        for _ in range(10_000):
            if is_over():
                return
            self.now_ns = max(self.now_ns, self.scrubber.next_deadline())
            self.scrubber.advance(self.now_ns)
        raise AssertionError("it never came to an end")

    def search(self):
        """Let everything be taken under care."""
        self.now_ns += SEARCH_NS
        self.scrubber.advance(self.now_ns)
        self.run(lambda: not self.scrubber.is_busy)
        self.now_ns += 61 * SECOND
        self.scrubber.advance(self.now_ns)
        self.now_ns += 61 * SECOND
        self.scrubber.advance(self.now_ns)

    def look_through(self):
        passes = self.scrubber.counts.passes
        self.scrubber.start(self.now_ns)
        self.run(lambda: self.scrubber.counts.passes > passes)
        said, self.said.events = self.said.events, []
        return said

    def strike(self, path, place, bit=3):
        """Flip a bit at rest."""
        location = self.disk.locate(path)
        data = bytearray(location.read_bytes())
        data[place] ^= 1 << bit
        location.write_bytes(data)

    def require_whole(self):
        for path, data in CONTENT.items():
            assert self.disk.read(path) == data, path


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    bench.fill()
    return bench


def test_a_quiet_store_is_found_whole(bench):
    assert bench.scrubber.copies.places == tuple(sorted(map(place_of, CONTENT)))
    assert bench.look_through() == []
    bench.require_whole()
    # Each file and its copy, and the journal and its copy as one, were looked at once.
    assert bench.disk.read("journal") == bench.disk.read("journal.copy")


@pytest.mark.parametrize("path", [path for path in CONTENT if CONTENT[path]])
def test_a_bit_that_flips_anywhere_in_a_file_is_mended(bench, path):
    for place in {0, 1, len(CONTENT[path]) // 2, len(CONTENT[path]) - 1}:
        bench.strike(path, place)
        assert bench.look_through() == [("file_mended", path)]
        bench.require_whole()
        assert bench.look_through() == []


@pytest.mark.parametrize("path", CONTENT)
def test_a_file_that_is_cut_short_or_has_grown_or_is_gone_is_mended(bench, path):
    location = bench.disk.locate(path)
    for spoil in (
        lambda: location.write_bytes(CONTENT[path][:-1]),
        lambda: location.write_bytes(CONTENT[path] + b"x"),
        location.unlink,
    ):
        spoil()
        expected = [] if location.exists() and location.read_bytes() == CONTENT[path] else [("file_mended", path)]
        assert bench.look_through() == expected
        bench.require_whole()


def test_a_bit_that_flips_anywhere_in_a_copy_is_undone(bench):
    path = "files/a"
    place = place_of(path)
    before = bench.disk.read(place)
    for octet in (0, 250, 499):
        bench.strike(place, octet)
        assert bench.look_through() == [("copy_renewed", path)]
        assert bench.disk.read(place) == before
        bench.require_whole()


def test_one_of_two_labels_is_enough(bench):
    place = place_of("files/a")
    for label in (1, 2):
        bench.strike(place, len(bench.disk.read(place)) - label * LABEL_OCTETS + 20)
        bench.strike("files/a", 7)
        assert bench.look_through() == [("file_mended", "files/a")]
        bench.require_whole()
        bench.scrubber.copies.forget(place)
        bench.search()


def test_a_copy_without_any_label_is_made_anew(bench):
    place = place_of("files/a")
    size = len(bench.disk.read(place))
    for label in (1, 2):
        bench.strike(place, size - label * LABEL_OCTETS + 20)
    assert bench.look_through() == []
    assert not bench.scrubber.copies.has("files/a")
    bench.search()
    assert bench.scrubber.copies.has("files/a")


def test_what_nothing_can_mend_is_put_out_of_use_and_told(bench):
    bench.strike("files/a", 3)
    bench.strike(place_of("files/a"), 4)
    assert bench.look_through() == [("file_lost", "files/a")]
    assert "files/a" not in bench.disk.list()
    assert len(bench.disk.read("files/a.damaged")) == 500
    assert bench.scrubber.counts.lost == 1
    bench.search()
    assert bench.look_through() == []


def test_without_room_for_a_copy_damage_is_found_all_the_same(tmp_path):
    bench = Bench(tmp_path)
    bench.scrubber.copies_octets_max = 1000
    bench.fill()
    assert bench.scrubber.copies.label(place_of(MODEL)).kind is Kind.DIGEST
    bench.strike(MODEL, 4000)
    assert bench.look_through() == [("file_lost", MODEL)]


def test_a_model_is_taken_under_care_once_its_job_has_ended(tmp_path):
    bench = Bench(tmp_path)
    bench.settled = False
    bench.fill()
    assert bench.scrubber.copies.places == ()


def test_what_changes_in_order_is_never_undone(bench):
    bench.caring.pwrite("files/a", 0, b"omega")
    bench.caring.rename("files/large", "files/moved")
    bench.caring.remove("files/dir/empty")
    assert bench.look_through() == []
    assert bench.disk.read("files/a")[:5] == b"omega"
    assert "files/large" not in bench.disk.list()
    assert "files/dir/empty" not in bench.disk.list()
    bench.search()
    assert bench.scrubber.copies.has("files/moved")


def test_a_file_that_changes_while_it_is_looked_at_is_left_alone(bench):
    bench.scrubber.start(bench.now_ns)
    bench.run(lambda: bench.scrubber._tasks and bench.scrubber._tasks[0].path == "files/large")
    bench.caring.pwrite("files/large", 0, b"new")
    bench.run(lambda: not bench.scrubber.is_busy)
    assert bench.said.events == []
    assert bench.disk.read("files/large", 0, 3) == b"new"


@pytest.mark.parametrize("name", ["journal", "journal.copy"])
def test_a_journal_that_is_struck_is_written_anew(bench, name):
    for number in range(2, 40):
        bench.ledger.commit(Booted(number))
    bench.ledger.journal.sync_copy()
    bench.strike(name, 300)
    assert bench.look_through() == [("journal_rewritten", "")]
    assert Ledger(bench.disk).boot_count == 39
    assert bench.look_through() == []


def test_looking_keeps_to_its_rate(bench):
    bench.scrubber.rate_octets_per_s = 100_000
    start_ns = bench.now_ns
    octets = bench.scrubber.counts.octets
    bench.look_through()
    octets = bench.scrubber.counts.octets - octets
    assert octets >= 2 * sum(map(len, CONTENT.values()))
    # The last slice is not waited for.
    assert (bench.now_ns - start_ns) / SECOND == pytest.approx(octets / 100_000, abs=2 * SLICE_OCTETS / 100_000)


def test_passes_come_by_themselves_and_can_be_switched_off(bench):
    bench.run(lambda: bench.scrubber.counts.passes == 2)
    assert bench.now_ns >= FIRST_PASS_NS + 6 * 3600 * SECOND
    bench.scrubber.set_period(0, bench.now_ns)
    until_ns = bench.now_ns + 48 * 3600 * SECOND
    bench.run(lambda: bench.now_ns > until_ns)
    assert bench.scrubber.counts.passes == 2


def test_power_may_be_cut_at_every_operation_of_a_mend(tmp_path):
    operation = 0
    while True:
        operation += 1
        folder = tmp_path / str(operation)
        folder.mkdir()
        bench = Bench(folder, seed=operation)
        bench.fill()
        bench.strike("files/a", 3)
        bench.strike(place_of(MODEL), 3)
        bench.strike("journal", 5)
        bench.disk.cut_at(bench.disk.operations + operation)
        try:
            bench.look_through()
        except PowerCut:
            bench.disk.power_on()
        else:
            break
        bench.boot()
        bench.look_through()
        bench.search()
        assert bench.look_through() == []
        bench.require_whole()
        assert set(bench.scrubber.copies.places) == set(map(place_of, CONTENT))
    assert operation > 10


ACTS = st.sampled_from(["write", "append", "move", "remove", "work", "search", "boot", "cut"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(ACTS, st.integers(0, 3)), max_size=25))
def test_no_course_of_changes_is_ever_taken_for_damage(tmp_path_factory, course):
    bench = Bench(tmp_path_factory.mktemp("store"))
    names = [f"files/{number}" for number in range(4)]
    for number, (act, which) in enumerate(course):
        path, other = names[which], names[which - 1]
        match act:
            case "write":
                bench.caring.pwrite(path, number % 7, bytes([number]) * 50)
                bench.disk.fsync(path)
                bench.disk.fsync("files")
            case "append":
                bench.caring.append(path, bytes([number]) * 9)
            case "move" if path in bench.disk.list():
                bench.caring.rename(path, other)
            case "remove" if path in bench.disk.list():
                bench.caring.remove(path)
            case "work":
                bench.now_ns = max(bench.now_ns, bench.scrubber.next_deadline())
                bench.scrubber.advance(bench.now_ns)
            case "search":
                bench.search()
                bench.scrubber.start(bench.now_ns)
            case "boot":
                bench.boot()
            case "cut":
                bench.disk.power_cut()
                bench.disk.power_on()
                bench.boot()
    before = {path: bench.disk.read(path) for path in bench.disk.list("files")}
    bench.look_through()
    assert {path: bench.disk.read(path) for path in bench.disk.list("files")} == before
    assert (bench.scrubber.counts.mended, bench.scrubber.counts.lost) == (0, 0)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("files/a", True),
        ("files/.cfdp/1-1.part", False),
        ("files/a.damaged", False),
        ("jobs/1/model.safetensors", True),
        ("jobs/1/model.safetensors.new", False),
        ("jobs/1/slot-a.safetensors", False),
        ("slots/software-a.zip", True),
        ("slots/software.json", False),
        ("journal", False),
        (f"{DIRECTORY}/0", False),
    ],
)
def test_what_is_under_care(path, expected):
    assert is_cared_for(path) == expected


def strike_device_resets(ledger):
    ledger._jobs.device_resets ^= 4


def strike_ended_job(ledger):
    ledger.jobs[1].sample = "to bf"


def strike_answer(ledger):
    ledger._commands.executed._entries[Identity(1, 66, 2, bytes(16))] = (7,)


@pytest.mark.parametrize(
    ("strike", "within_ns"),
    [(strike_device_resets, BOOKS_NS), (strike_ended_job, BOOKS_NS), (strike_answer, WHOLE_BOOKS_NS)],
    ids=["of a book", "of a job that ended", "of an answer to a command"],
)
def test_a_strike_in_memory_is_found_within_a_minute_or_what_only_counts_when_it_is_read_an_hour(
    tmp_path, strike, within_ns
):
    bench = Bench(tmp_path)
    bench.ledger.commit(
        JobSubmitted(1, "tiny", "text", 7, 20, ""),
        JobMoved(1, JobState.DONE),
        Executed(Identity(1, 66, 2, bytes(16)), ()),
    )
    bench.scrubber.advance(0)
    strike(bench.ledger)
    with pytest.raises(StruckBookError):
        bench.run(lambda: bench.now_ns > within_ns)
    assert bench.now_ns == within_ns

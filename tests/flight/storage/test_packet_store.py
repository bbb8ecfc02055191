"""The packet store: what a power cut at any disk operation, damage and a full store take, and what they leave."""

import pytest

from ccsds.pus.telemetry import Telemetry
from flight.books.storage import StoreConfirmed
from flight.disk import RealDisk
from flight.ledger import Ledger
from flight.storage.packet_store import MARKED_OCTETS, RESERVED_COUNT, PacketStore
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from hil.tabletop.operator import NS_PER_S as SECOND
from hil.tabletop.operator import Operator
from hil.worker.trivial_hand import TrivialHand
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.storage import StoreId, store_of

OCTETS = 4_000


def packet(at):
    return Telemetry(Apid.CORE, 0, 5, 1, 0, 0, at * 10**9, b"%06d" % at + bytes(80))


def content(octets):
    return int(Telemetry.decode(octets).data[:6])


def open_store(disk):
    return PacketStore(StoreId.EVENTS, disk, Ledger(disk), OCTETS)


def held(store):
    """Give what each number holds."""
    return {
        number: content(found)
        for start, end in store.held
        for number in range(start, end)
        if (found := store.read(number)) is not None
    }


def fill(store, said, durable):
    """Put and write batches of packets, confirm some, and wrap; note what number each got, and what is durable."""
    for batch in range(12):
        for _ in range(5):
            at = len(said)
            number = store.put(packet(at))
            assert number not in said
            said[number] = at
        store.write()
        durable.update((number, said[number]) for start, end in store.held for number in range(start, end))
        if batch % 3 == 2:
            store._ledger.commit(StoreConfirmed(StoreId.EVENTS, store.next - 7, ((store.next - 9, store.next - 8),)))


def test_a_power_cut_at_each_disk_operation_loses_no_durable_packet_untold_and_repeats_no_number(tmp_path):
    clean = SimulatedDisk(tmp_path / "clean", Streams(1))
    fill(open_store(clean), {}, {})
    assert clean.operations > 50
    for operation in range(1, clean.operations + 1):
        disk = SimulatedDisk(tmp_path / str(operation), Streams(operation))
        disk.cut_at(operation)
        said, durable = {}, {}
        with pytest.raises(PowerCut):
            fill(open_store(disk), said, durable)
        disk.power_on()
        store = open_store(disk)
        there = held(store)
        assert {number: said[number] for number in there} == there
        state = store.state
        for number in durable.keys() - there.keys():
            assert state.overwritten.has(number, number + 1) or state.confirmed.has(number, number + 1), operation
        assert store.put(packet(999_999)) not in said
        store.write()
        assert held(open_store(disk))[store.next - 1] == 999_999


def test_numbers_go_on_above_all_that_were_reserved(tmp_path):
    disk = RealDisk(tmp_path)
    store = open_store(disk)
    assert [store.put(packet(at)) for at in range(3)] == [0, 1, 2]
    assert open_store(disk).put(packet(3)) == RESERVED_COUNT


def test_a_damaged_segment_costs_only_itself(tmp_path):
    disk = RealDisk(tmp_path)
    store = open_store(disk)
    for at in range(20):
        store.put(packet(at))
        store.write()
    paths = disk.list("stores")
    assert len(paths) > 3
    damaged = disk.size(paths[1])
    disk.pwrite(paths[1], 0, bytes(damaged))
    again = open_store(disk)
    assert again.damaged_octets == damaged
    first, end = int(paths[1].split("/")[-1]), int(paths[2].split("/")[-1])
    assert held(again) == {at: at for at in range(20) if not first <= at < end}


def test_what_was_not_confirmed_is_told_as_overwritten_to_the_packet(tmp_path):
    store = open_store(RealDisk(tmp_path))
    told = set()
    for at in range(200):
        store.put(packet(at))
        if at == 20:
            store._ledger.commit(StoreConfirmed(StoreId.EVENTS, 15, ((4, 6),)))
        for change in store.write():
            told |= {number for start, end in change.ranges for number in range(start, end)}
    assert told | held(store).keys() == set(range(200)) - (set(range(15)) - {4, 5})
    assert told.isdisjoint(held(store))
    assert store.state.overwritten_count == len(told)
    assert store.octets <= OCTETS


def test_what_is_kept_of_what_was_read_is_bounded_and_all_of_it_is_read_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("flight.storage.packet_store.CACHE_OCTETS_MAX", 500)
    store = PacketStore(StoreId.EVENTS, disk := RealDisk(tmp_path), Ledger(disk), 1 << 20)
    numbers = []
    for at in range(200):
        numbers.append(store.put(packet(at)))
        if at % 5 == 4:
            store.write()
    for number in numbers:
        assert content(store.read(number)) == numbers.index(number)
        # The bound, and the batch with which it was reached.
        assert sum(map(len, store._cached.packets.values())) < 1_200
    assert store.read(numbers[0]) is not None
    store.release()
    assert store._cached.packets == {}


@pytest.mark.parametrize(("start", "end"), [(0, 300), (3, 3), (7, 150), (150, 170), (199, 300), (250, 300)])
def test_the_numbers_of_a_range_of_time_are_those_of_its_packets_alone(tmp_path, start, end):
    store = PacketStore(StoreId.EVENTS, disk := RealDisk(tmp_path), Ledger(disk), 40_000)
    numbers = {store.put(packet(at)): at for at in range(160)}
    store.write()
    numbers |= {store.put(packet(at)): at for at in range(160, 200)}
    found = store.numbers_between(start * 10**9, end * 10**9)
    wanted = {number for number, at in numbers.items() if start <= at <= end}
    assert {number for low, high in found for number in range(low, high)} == wanted


def test_what_is_said_again_and_again_takes_no_room_of_events():
    periodic = {"job_progress", "job_sample", "check_transitions"}
    assert {name for name in DICTIONARY.reports if store_of(128, name) is StoreId.HOUSEKEEPING} == periodic
    assert store_of(1, "job.submit") is store_of(5, "booted") is store_of(128, "job_report") is StoreId.EVENTS


def test_a_long_job_out_of_contact_overwrites_neither_events_nor_answers(tmp_path):
    octets = {StoreId.EVENTS: 20_000, StoreId.HOUSEKEEPING: 20_000}
    operator = Operator(RealDisk(tmp_path), lambda disk: TrivialHand(disk, 5_000), store_octets=octets)
    assert operator.command("job.submit", job_id=1, recipe="tiny", corpus="text", steps=5_000) is None
    stores = operator.spacecraft._stores
    while stores[StoreId.HOUSEKEEPING].state.overwritten_count == 0:
        operator.run(600)
        assert operator.now_ns < 10 * 86_400 * SECOND
    assert stores[StoreId.HOUSEKEEPING].next > 100
    assert stores[StoreId.EVENTS].state.overwritten_count == 0
    assert stores[StoreId.EVENTS].first == 0


class NotingDisk(RealDisk):
    """Notes from where files were read."""

    def __init__(self, root):
        super().__init__(root)
        self.starts = []

    def read(self, path, offset_octets=0, length_octets=None):
        """See `flight.disk.Disk.read`."""
        self.starts.append(offset_octets)
        return super().read(path, offset_octets, length_octets)


def test_a_long_segment_is_read_from_a_place_near_what_is_wanted(tmp_path):
    disk = NotingDisk(tmp_path)
    store = PacketStore(StoreId.EVENTS, disk, Ledger(disk), 4 << 20)
    said = {}
    for at in range(3_000):
        said[store.put(packet(at))] = at
        if at % 50 == 49:
            store.write()
    for number, at in said.items():
        if number % 250 in (0, 249):
            store.release()
            disk.starts.clear()
            assert content(store.read(number)) == at
            (start,) = disk.starts
            # Each packet takes at least a hundred octets of the file.
            assert number * 100 - 2 * MARKED_OCTETS < start <= number * 130, number

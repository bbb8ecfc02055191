"""ST[15]: what the ground may ask of the packet stores, what it gets, and what is refused."""

import pytest

from ccsds.pus.telemetry import Telemetry
from flight.disk import RealDisk
from ground.events import FrameReceived
from hil.tabletop.operator import NS_PER_S as SECOND
from hil.tabletop.operator import Operator
from mission.channels import Downlink
from mission.definition import DICTIONARY
from mission.failures import FailureCode
from mission.schedule import Switch
from mission.storage import RETRIEVALS_MAX, StoreId

TAI_NS = 10**18
CONTENT = DICTIONARY.reports["storage_content"].fields


@pytest.fixture
def operator(tmp_path):
    """A spacecraft that has stored one event a second of ten seconds out of contact, and one more after a minute."""
    operator = Operator(RealDisk(tmp_path))
    overhear(operator)
    operator.run(1)
    for _ in range(10):
        operator.spacecraft.contact(False, operator.now_ns)
        operator.spacecraft._reporter.event(DICTIONARY.events["arm_lapsed"], service=1, subtype=2)
        operator.run(1)
    operator.run(60)
    operator.spacecraft._reporter.event(DICTIONARY.events["arm_lapsed"], service=3, subtype=4)
    operator.run(20)
    return operator


def store(operator):
    return operator.spacecraft._stores[StoreId.EVENTS]


def playback(operator):
    return operator.spacecraft._playback


def overhear(operator):
    """Note what is played back."""
    source = playback(operator)
    next_packet = source.next_packet

    def heard(now_ns):
        packet = next_packet(now_ns)
        if packet is not None:
            operator.played.append(packet)
        return packet

    source.next_packet = heard
    operator.played = []


def drained(operator):
    """Give the numbers and times of the events that are played back until there is no more, since the last call."""
    while not playback(operator).is_empty:
        playback(operator).next_packet(operator.now_ns)
    found = []
    for packet in operator.played:
        values = CONTENT.decode(Telemetry.decode(packet).data)
        if values["store"] is StoreId.EVENTS:
            found += [
                (row["sequence"], (Telemetry.decode(row["packet"]).time_tai_ns - TAI_NS) // SECOND)
                for row in values["packets"]
            ]
    operator.played.clear()
    return found


def test_disabled_it_stores_nothing_and_enabled_it_does_again_over_a_reboot(operator):
    assert operator.command("storage.disable", stores=["events"]) is None
    before = store(operator).next
    operator.boot()
    operator.spacecraft._reporter.event(DICTIONARY.events["arm_lapsed"], service=1, subtype=2)
    operator.run(20)
    assert not store(operator).state.is_storing
    assert len(store(operator).held.within(before, 1 << 32)) == 0
    assert operator.command("storage.enable", stores=["events"]) is None
    operator.run(20)
    assert len(store(operator).held.within(before, 1 << 32)) > 0
    assert operator.command("storage.summary") is None
    (row, _) = operator.heard("storage_summary")[-1]["stores"]
    assert (row["store"], row["storing"]) == (StoreId.EVENTS, Switch.ENABLED)


def channels(items):
    return [item.virtual_channel for item in items if isinstance(item, FrameReceived)]


def test_what_is_live_goes_before_what_is_played_back(operator):
    operator.spacecraft.contact(False, operator.now_ns)
    for _ in range(50):
        operator.spacecraft._reporter.event(DICTIONARY.events["arm_lapsed"], service=1, subtype=2)
    operator.spacecraft.advance(operator.now_ns)
    operator.spacecraft.contact(True, operator.now_ns)
    while channels(operator.listen(1)) == [Downlink.LIVE]:
        pass
    # The answers are heard, since what comes before the first frame of playback is.
    assert operator.command("test.connection") is None
    assert len(operator.heard("connection_test")) == 1
    assert channels(operator.listen(1)) == [Downlink.PLAYBACK]


def test_suspended_nothing_is_played_back_and_resumed_it_goes_on(operator):
    assert operator.command("storage.suspend", stores=["events", "housekeeping"]) is None
    operator.played.clear()
    assert drained(operator) == []
    assert operator.command("storage.resume", stores=["events", "housekeeping"]) is None
    numbers = [number for number, _ in drained(operator)]
    assert numbers == sorted(numbers) and len(numbers) >= 5
    assert drained(operator) == []


def test_open_retrieval_is_taken_back_to_a_time_and_no_further(operator):
    drained(operator)
    assert operator.command("storage.open_from", store=StoreId.EVENTS, start=TAI_NS + 60 * SECOND) is None
    times = [at_s for _, at_s in drained(operator)]
    assert times and min(times) >= 60


def test_a_range_of_time_is_played_back_once_and_exactly(operator):
    drained(operator)
    asked = {"store": StoreId.EVENTS, "start": TAI_NS + 3 * SECOND, "end": TAI_NS + 5 * SECOND}
    assert operator.command("storage.retrieve_time", **asked) is None
    assert [at_s for _, at_s in drained(operator)] == [3, 4, 5]
    wrong = {**asked, "end": TAI_NS}
    assert operator.command("storage.retrieve_time", **wrong) is FailureCode.REFUSED
    nothing = {**asked, "start": TAI_NS + 20 * SECOND, "end": TAI_NS + 30 * SECOND}
    assert operator.command("storage.retrieve_time", **nothing) is FailureCode.REFUSED


def test_a_range_of_numbers_is_played_back_once_and_what_is_not_there_is_refused(operator):
    drained(operator)
    first = store(operator).first
    assert operator.command("storage.retrieve", store=StoreId.EVENTS, first=first + 1, last=first + 3) is None
    assert [number for number, _ in drained(operator)] == [first + 1, first + 2, first + 3]
    beyond = store(operator).next + 1_000
    for low, high in ((first + 3, first + 1), (beyond, beyond + 5)):
        refused = operator.command("storage.retrieve", store=StoreId.EVENTS, first=low, last=high)
        assert refused is FailureCode.REFUSED, (low, high)


def test_retrievals_are_bounded_and_can_be_ended(operator):
    drained(operator)
    asked = {"store": StoreId.EVENTS, "first": 0, "last": 1_000}
    # What is to be sent waits, as on a slow line.
    playback(operator).next_packet = lambda now_ns: None
    for _ in range(RETRIEVALS_MAX):
        assert operator.command("storage.retrieve", **asked) is None
    assert playback(operator).is_busy
    assert operator.command("storage.retrieve", **asked) is FailureCode.REFUSED
    assert operator.command("storage.abort", stores=["housekeeping"]) is None
    assert playback(operator).is_busy
    assert operator.command("storage.abort", stores=["events"]) is None
    assert not playback(operator).is_busy
    assert operator.command("storage.retrieve", **asked) is None


def test_what_ends_before_a_time_is_deleted_and_the_rest_stays(operator):
    end = {"store": StoreId.EVENTS, "end": TAI_NS + 30 * SECOND}
    assert operator.command("storage.delete", **end) is FailureCode.NOT_ARMED
    operator.arm("storage.delete")
    held = store(operator).held.octets
    assert operator.command("storage.delete", **end) is None
    # One segment holds all of it, and ends later.
    assert store(operator).held.octets >= held
    operator.arm("storage.delete")
    assert operator.command("storage.delete", store=StoreId.EVENTS, end=TAI_NS + 10**15) is None
    assert store(operator).octets == 0


@pytest.mark.parametrize("wrong", [{"end": 10**6}, {"end": 2, "gaps": [{"first": 1, "last": 2}]}])
def test_a_confirmation_that_cannot_be_is_refused_whole(operator, wrong):
    before = store(operator).state.last_word
    assert operator.command("storage.confirm", store=StoreId.EVENTS, **wrong) is FailureCode.REFUSED
    assert store(operator).state.last_word is before


def test_what_is_confirmed_is_not_sent_again_but_for_the_gaps(operator):
    drained(operator)
    first, end = store(operator).first, store(operator).next
    gaps = [{"first": first + 2, "last": first + 3}]
    assert operator.command("storage.confirm", store=StoreId.EVENTS, end=end, gaps=gaps) is None
    assert [number for number, _ in drained(operator)][:2] == [first + 2, first + 3]


def test_all_up_to_a_time_is_confirmed_and_what_was_said_of_later_packets_stays(operator):
    first, end = store(operator).first, store(operator).next
    last = {"first": end - 1, "last": end - 1}
    gaps = [{"first": first, "last": first + 1}, last]
    assert operator.command("storage.confirm", store=StoreId.EVENTS, end=end, gaps=gaps) is None
    at = {"store": StoreId.EVENTS, "end": TAI_NS + 5 * SECOND}
    assert operator.command("storage.confirm_time", **at) is None
    confirmed = store(operator).state.confirmed
    assert confirmed.has(first, end - 1)
    assert not confirmed.has(end - 1, end)
    assert operator.command("storage.confirm_time", store=StoreId.EVENTS, end=1) is FailureCode.REFUSED

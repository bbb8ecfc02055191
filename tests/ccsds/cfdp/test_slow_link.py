"""A reboot of either end on a slow link: what it costs is seconds of contact, not the mebioctet of a fast one."""

import pytest

from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import Role, TransactionFinished
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cfdp.records import PutRequest
from tools.bench.cfdp_channel import NS, Line, carry

RATE_BPS = 9_600
CONTENT = bytes(range(256)) * 400


class Records(list):
    """A journal in memory."""

    def replace(self, payloads):
        self[:] = payloads


class End:
    """An entity that can be rebooted: what was not synced of its store is gone, as is the entity."""

    def __init__(self, entity, remote):
        self.mib = Mib(entity=entity, remotes=(RemoteConfig(entity=remote, segment_octets=161),))
        self.store = MemoryStore()
        self.journal = Records()
        self.entity = Entity(self.mib, self.store, self.journal)

    def reboot(self, now_ns):
        records = list(self.journal)
        self.entity = Entity(self.mib, self.store, self.journal, records, now_ns)


@pytest.mark.parametrize("rebooted", [0, 1])
@pytest.mark.parametrize("goes_in_a_gap", [False, True])
def test_a_reboot_on_a_slow_link_costs_no_more_than_the_time_between_two_syncs(rebooted, goes_in_a_gap):
    ends = End(1, 2), End(2, 1)
    ends[0].store.pwrite("file", 0, CONTENT)
    lines = Line(RATE_BPS, 10_000_000), Line(RATE_BPS, 10_000_000)
    for end in ends:
        end.entity.contact(True, 0)
    ends[0].entity.put(PutRequest(destination=2, source_name="file", destination_name="copy"), 0)
    now_ns = 0

    def run_until(is_done, end_ns=1_000 * NS):
        def note(time_ns):
            nonlocal now_ns
            now_ns = time_ns
            return is_done()

        return carry((ends[0].entity, ends[1].entity), lines, note, now_ns, end_ns)

    run_until(lambda: now_ns >= 55 * NS)
    for end in ends:
        # One that is rebooted in contact never heard that it ended.
        if goes_in_a_gap or end is not ends[rebooted]:
            end.entity.contact(False, now_ns)
    ends[rebooted].reboot(now_ns)
    for end in ends:
        end.entity.contact(True, now_ns)
    finished = []

    def is_done():
        for end in ends:
            finished.extend(each for each in end.entity.take_events() if isinstance(each, TransactionFinished))
        return {each.role for each in finished} == {Role.SENDER, Role.RECEIVER}

    assert run_until(is_done) is not None
    assert {each.condition for each in finished} == {ConditionCode.NO_ERROR}
    assert ends[1].store.read("copy") == CONTENT
    undisturbed_s = len(CONTENT) * (161 + 16) / 161 * 8 / RATE_BPS
    lost_s = 0 if goes_in_a_gap else 10
    assert now_ns / NS < undisturbed_s + lost_s + 3

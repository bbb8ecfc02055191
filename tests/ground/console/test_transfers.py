"""Files on their way: rates of contact, and in which pass a file will be whole."""

from ccsds.cfdp.codes import FileStatus
from ground.console.transfers import NS_PER_S, Transfers
from ground.pass_plan import ExpectedPass, PassPlan
from ground.transfer_events import (
    TransferDirection,
    TransferFinished,
    TransferProgressed,
    TransferResumed,
    TransferStarted,
    TransferSuspended,
)

IDENTITY = {
    "transaction": "42-7",
    "direction": TransferDirection.DOWN,
    "source_name": "weights.bin",
    "destination_name": "weights.bin",
    "size_octets": 100_000,
}


def progressed(contact_s: int, done: int) -> TransferProgressed:
    return TransferProgressed(
        time_ns=0, done_octets=done, state="receiving", contact_ns=contact_s * NS_PER_S, **IDENTITY
    )


def half_way() -> Transfers:
    """A file that goes at 1,000 octets a second and has half a minute of contact to go."""
    transfers = Transfers()
    transfers.note(TransferStarted(time_ns=0, **IDENTITY), 5)
    for contact_s in (10, 20, 30):
        transfers.note(progressed(contact_s, 40_000 + 1_000 * contact_s), 6)
    return transfers


def test_rate_and_rest_are_of_contact_time():
    (transfer,) = half_way()
    assert (transfer.rate_octets_per_s, transfer.left_s) == (1_000, 30)


def test_a_file_is_whole_in_the_pass_that_has_room_for_the_rest():
    (transfer,) = half_way()
    passes = [(0, 10), (100, 110), (200, 300)]
    plan = PassPlan(ExpectedPass(begin * NS_PER_S, end * NS_PER_S, "here") for begin, end in passes)
    assert transfer.whole_at_unix_ns(plan, 5 * NS_PER_S, is_up=True) == 215 * NS_PER_S
    assert transfer.whole_at_unix_ns(plan, 150 * NS_PER_S, is_up=False) == 230 * NS_PER_S
    assert transfer.whole_at_unix_ns(plan, 290 * NS_PER_S, is_up=True) is None


def test_without_a_plan_contact_is_taken_to_go_on_if_there_is_any():
    (transfer,) = half_way()
    assert transfer.whole_at_unix_ns(PassPlan(), 0, is_up=True) == 30 * NS_PER_S
    assert transfer.whole_at_unix_ns(PassPlan(), 0, is_up=False) is None


def test_a_file_that_stands_still_has_no_end_in_sight_until_it_goes_on():
    transfers = half_way()
    transfers.note(TransferSuspended(time_ns=0, text="suspend request received", **IDENTITY), 7)
    (transfer,) = transfers
    assert (transfer.is_suspended, transfer.left_s) == (True, None)
    transfers.note(TransferResumed(time_ns=0, **IDENTITY), 8)
    assert (transfer.is_suspended, transfer.left_s) == (False, None)


def test_a_file_that_is_whole_is_over():
    transfers = half_way()
    transfers.note(TransferFinished(time_ns=0, file_status=FileStatus.RETAINED, **IDENTITY), 9)
    (transfer,) = transfers
    assert (transfer.is_over, transfer.done_octets, transfer.ended_unix_ns) == (True, 100_000, 9)

"""What is refused, with which reason, and that nothing refused moves a counter."""

import itertools
from collections import Counter

import pytest

from ccsds.errors import MalformedError
from ccsds.sdls.association import HeaderMask, Link, Suite
from ccsds.sdls.receiver import Accepted, Reason, Refused
from ccsds.sdls.security import Security
from ccsds.tc_frame import UNLOCK, TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame
from hil.streams import Streams

FORGERIES = 100_000

EVERY_WAY = list(itertools.product(Suite, HeaderMask))


def tc(data=b"command", kind=TcFrameKind.BD, channel=0):
    return TcFrame(kind, 0x2A, channel, 0, data)


def tm(data, channel=0, pointer=0):
    return TmFrame(0x2A, channel, 3, 4, pointer, data, b"CLCW")


def refused(verdict):
    assert isinstance(verdict, Refused)
    return verdict.reason


@pytest.mark.parametrize(("suite", "mask"), EVERY_WAY, ids=str)
def test_every_bit_flip_of_a_data_field_is_refused_and_moves_no_counter(make_pair, suite, mask):
    ground, spacecraft = make_pair(suite=suite, mask=mask)
    protected = ground.sender.protect_tc(tc(bytes(range(24))))
    octets = int.from_bytes(protected.data, "big")
    for bit in range(8 * len(protected.data)):
        flipped = tc((octets ^ 1 << bit).to_bytes(len(protected.data), "big"))
        assert isinstance(spacecraft.receiver.process_tc(flipped), Refused)
    assert spacecraft.receiver.receipts() == ()
    assert spacecraft.counts["refused"] == 8 * len(protected.data)
    assert isinstance(spacecraft.receiver.process_tc(protected), Accepted)


@pytest.mark.parametrize(("suite", "mask"), EVERY_WAY, ids=str)
def test_every_bit_flip_of_a_header_with_a_right_fecf_is_refused_if_the_mask_covers_it(make_pair, suite, mask):
    ground, spacecraft = make_pair(suite=suite, mask=mask)
    protected = ground.sender.protect_tc(tc())
    fields = {
        "kind": TcFrame(TcFrameKind.AD, 0x2A, 0, 0, protected.data),
        "sequence": TcFrame(TcFrameKind.BD, 0x2A, 0, 1, protected.data),
        "channel": TcFrame(TcFrameKind.BD, 0x2A, 1, 0, protected.data),
        "spacecraft": TcFrame(TcFrameKind.BD, 0x2B, 0, 0, protected.data),
    }
    covered = {
        HeaderMask.WHOLE_HEADER: set(fields),
        HeaderMask.SETTLED_HEADER: set(fields) - {"sequence"},
        HeaderMask.CHANNEL_ONLY: {"channel"},
    }[mask]
    for name in sorted(fields, key=lambda name: name not in covered):
        verdict = spacecraft.receiver.process_tc(fields[name])
        if name in covered:
            assert refused(verdict) is (Reason.WRONG_CHANNEL if name == "channel" else Reason.BAD_MAC)
            assert spacecraft.receiver.receipts() == ()


def test_every_bit_flip_of_a_tm_header_but_the_master_channel_count_is_refused(make_pair):
    ground, spacecraft = make_pair()
    protected = spacecraft.sender.protect_tm(tm(bytes(60), pointer=9))
    for changed in (
        TmFrame(0x2B, 0, 3, 4, 9, protected.data, b"CLCW"),
        TmFrame(0x2A, 2, 3, 4, 9, protected.data, b"CLCW"),
        TmFrame(0x2A, 0, 3, 5, 9, protected.data, b"CLCW"),
        TmFrame(0x2A, 0, 3, 4, 8, protected.data, b"CLCW"),
        TmFrame(0x2A, 0, 3, 4, 9, protected.data, None),
    ):
        assert isinstance(ground.receiver.process_tm(changed), Refused)
    assert ground.receiver.receipts() == ()
    # The CLCW and the master channel count are set after protection: what they say is not authentic.
    assert isinstance(ground.receiver.process_tm(TmFrame(0x2A, 0, 9, 4, 9, protected.data, b"LIES")), Accepted)


@pytest.mark.parametrize("suite", Suite)
def test_every_truncation_is_refused_and_moves_no_counter(make_pair, suite):
    ground, spacecraft = make_pair(suite=suite)
    protected = ground.sender.protect_tc(tc(bytes(40)))
    reasons = Counter(
        refused(spacecraft.receiver.process_tc(tc(protected.data[:length]))) for length in range(1, len(protected.data))
    )
    # One octet holds no SPI; with the overhead alone there is no data.
    assert reasons == {Reason.TOO_SHORT: suite.overhead_octets, Reason.BAD_MAC: 39}
    assert spacecraft.receiver.receipts() == ()


def test_each_reason_is_told_and_counted(make_pair):
    ground, spacecraft = make_pair()
    receiver = spacecraft.receiver
    good = ground.sender.protect_tc(tc())
    later = ground.sender.protect_tc(tc())
    preactive = good.data[:1] + b"\2" + good.data[2:]
    out_of_range = good.data[:2] + b"\xff" + good.data[3:]
    cases = [
        (TcFrame(TcFrameKind.BC, 0x2A, 0, 0, UNLOCK), Reason.CONTROL_COMMAND),
        (tc(b"\0"), Reason.TOO_SHORT),
        (tc(b"\0\0" + good.data[2:]), Reason.UNKNOWN_SPI),
        (tc(good.data, channel=1), Reason.WRONG_CHANNEL),
        (tc(preactive), Reason.KEY_NOT_ACTIVE),
        (tc(out_of_range), Reason.COUNTER_OUT_OF_RANGE),
        (tc(good.data[:-1] + b"\0"), Reason.BAD_MAC),
    ]
    assert [refused(receiver.process_tc(frame)) for frame, _ in cases] == [reason for _, reason in cases]
    assert isinstance(receiver.process_tc(later), Accepted)
    assert isinstance(receiver.process_tc(good), Accepted)
    assert refused(receiver.process_tc(good)) is Reason.REPLAYED
    for _ in range(256):
        receiver.process_tc(ground.sender.protect_tc(tc()))
    verdict = receiver.process_tc(good)
    assert str(verdict) == "behind the window: SPI 1: expected a counter in the window, found 0 at 257"
    assert spacecraft.counts["refused"] == len(cases) + 2
    assert spacecraft.counts["refused: bad MAC"] == 1


def test_a_pointer_behind_the_clear_data_is_refused_when_the_mask_leaves_it_out(make_pair):
    ground, spacecraft = make_pair(mask=HeaderMask.CHANNEL_ONLY)
    protected = spacecraft.sender.protect_tm(tm(bytes(60)))
    assert refused(ground.receiver.process_tm(tm(protected.data, pointer=60))) is Reason.BAD_POINTER
    assert ground.receiver.receipts() == ()
    assert isinstance(ground.receiver.process_tm(tm(protected.data, pointer=59)), Accepted)


def test_frames_in_any_order_inside_the_window_are_accepted_once_and_the_rest_is_refused(make_pair):
    ground, spacecraft = make_pair()
    frames = [ground.sender.protect_tc(tc()) for _ in range(600)]
    order = Streams(3).block("order", 0).permutation(256)
    for index in order:
        assert isinstance(spacecraft.receiver.process_tc(frames[index]), Accepted)
    for index in order:
        assert refused(spacecraft.receiver.process_tc(frames[index])) is Reason.REPLAYED
    assert isinstance(spacecraft.receiver.process_tc(frames[599]), Accepted)
    assert refused(spacecraft.receiver.process_tc(frames[343])) is Reason.BEHIND_WINDOW
    assert isinstance(spacecraft.receiver.process_tc(frames[344]), Accepted)


def test_a_receipt_brings_the_window_back_after_a_reboot(make_pair):
    ground, spacecraft = make_pair()
    frames = [ground.sender.protect_tc(tc()) for _ in range(9)]
    verdicts = [spacecraft.receiver.process_tc(frames[index]) for index in (4, 2, 7)]
    durable = verdicts[-1].receipt
    rebooted = Security(spacecraft._store, [durable])
    assert [type(rebooted.receiver.process_tc(frame)) for frame in frames] == [
        Refused if index in (2, 4, 7) else Accepted for index in range(9)
    ]


def test_a_damaged_receipt_is_refused_and_one_of_a_key_that_is_gone_is_passed_over(make_pair):
    ground, spacecraft = make_pair()
    receipt = spacecraft.receiver.process_tc(ground.sender.protect_tc(tc())).receipt
    spacecraft.receiver.restore([type(receipt)(999, 5, b"\1")])
    with pytest.raises(MalformedError, match="receipt of SPI 1"):
        spacecraft.receiver.restore([type(receipt)(1, -5, b"\1")])


def test_a_hundred_thousand_forged_flipped_cut_and_replayed_frames_are_refused_each_with_a_reason(make_pair):
    """Half of them are hit anywhere; the others have an SPI that is active, so that they come as far as the MAC."""
    ground, spacecraft = make_pair()
    receiver = spacecraft.receiver
    genuine = [ground.sender.protect_tc(tc(bytes([index]) * 40)).data for index in range(64)]
    for data in genuine:
        assert isinstance(receiver.process_tc(tc(data)), Accepted)
    before = receiver.receipts()
    chance = Streams(11).block("forgeries", 0)
    noise = chance.bytes(FORGERIES + 128)
    draws = chance.integers(0, 1 << 30, size=(FORGERIES, 3)).tolist()
    for number, (which, where, length) in enumerate(draws):
        data = genuine[which % 64]
        match number % 5:
            case 0:
                forged = noise[number : number + 1 + length % 96]
            case 1:
                forged = data[:14] + noise[number : number + 1 + length % 96]
            case 2:
                bit = where % (8 * len(data))
                forged = (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")
            case 3:
                forged = data[: 1 + length % (len(data) - 1)]
            case _:
                forged = data
        assert isinstance(receiver.process_tc(tc(forged)), Refused)
    assert receiver.receipts() == before
    assert receiver.accepted_count == 64
    assert spacecraft.counts["refused"] == sum(receiver.refused_counts.values()) == FORGERIES
    assert receiver.refused_counts[Reason.REPLAYED] == FORGERIES // 5
    assert receiver.refused_counts[Reason.BAD_MAC] > FORGERIES // 4


def test_what_one_end_sends_never_comes_back_to_it_as_authentic(make_pair):
    ground, spacecraft = make_pair()
    own = ground.sender.protect_tc(tc(bytes(50)))
    assert refused(ground.receiver.process_tm(tm(own.data))) is Reason.WRONG_CHANNEL
    assert Link.TM is not ground.keys[0].association.link
    downlinked = spacecraft.sender.protect_tm(tm(bytes(50)))
    assert refused(spacecraft.receiver.process_tc(tc(downlinked.data))) is Reason.WRONG_CHANNEL

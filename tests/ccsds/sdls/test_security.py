"""Both ends together: rotation with its way back, COP-1 inside, and what one end tells of itself."""

import pytest

from ccsds.clcw import Clcw
from ccsds.cop1.farm import Farm, FarmConfig, FarmOutcome
from ccsds.cop1.fop import Directive, Fop, FopConfig, Service
from ccsds.errors import MisuseError
from ccsds.sdls.association import HeaderMask, Link
from ccsds.sdls.key_state import KeyMoved, KeyOperation, KeyState
from ccsds.sdls.receiver import Accepted, Reason, Refused
from ccsds.sdls.security import Security
from ccsds.sdls.sender import RESERVED_FRAMES
from ccsds.tc_frame import UNLOCK, TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame

ACTIVATE, DEACTIVATE, DESTROY = KeyOperation.ACTIVATE, KeyOperation.DEACTIVATE, KeyOperation.DESTROY
# Eight generations of TC 0, TC 1, TM 0 and TM 2, in this order.
TC_FIRST, TC_SECOND, TC_SPARE, TM_FIRST, TM_SECOND = 1, 2, 8, 17, 18


def tc(data=b"command", kind=TcFrameKind.BD):
    return TcFrame(kind, 0x2A, 0, 0, data)


def up(ground, spacecraft):
    return spacecraft.receiver.process_tc(ground.sender.protect_tc(tc()))


def down(spacecraft, ground):
    return ground.receiver.process_tm(spacecraft.sender.protect_tm(TmFrame(0x2A, 0, 0, 0, 0, bytes(60), b"CLCW")))


def test_a_telecommand_key_is_rotated_without_losing_a_frame(make_pair):
    ground, spacecraft = make_pair()
    assert isinstance(up(ground, spacecraft), Accepted)
    spacecraft.operate(TC_SECOND, ACTIVATE)
    late = ground.sender.protect_tc(tc())
    assert ground.operate(TC_SECOND, ACTIVATE) == KeyMoved(TC_SECOND, KeyState.PREACTIVE, KeyState.ACTIVE)
    with pytest.raises(MisuseError, match="under which a frame has come"):
        spacecraft.operate(TC_FIRST, DEACTIVATE)
    accepted = up(ground, spacecraft)
    assert isinstance(accepted, Accepted)
    assert accepted.receipt.spi == TC_SECOND
    assert isinstance(spacecraft.receiver.process_tc(late), Accepted)
    spacecraft.operate(TC_FIRST, DEACTIVATE)
    ground.operate(TC_FIRST, DEACTIVATE)
    assert isinstance(up(ground, spacecraft), Accepted)


def test_a_rotation_is_rolled_back_when_the_new_key_does_not_work(make_pair):
    ground, spacecraft = make_pair()
    before = up(ground, spacecraft)
    ground.operate(TC_SECOND, ACTIVATE)
    verdict = up(ground, spacecraft)
    assert isinstance(verdict, Refused)
    assert verdict.reason is Reason.KEY_NOT_ACTIVE
    ground.operate(TC_SECOND, DEACTIVATE)
    after = up(ground, spacecraft)
    assert (after.receipt.spi, after.receipt.highest) == (TC_FIRST, before.receipt.highest + 1)


def test_a_key_taken_up_again_goes_on_with_its_counter_and_its_window(make_pair):
    ground, spacecraft = make_pair()
    replayed = ground.sender.protect_tc(tc())
    spacecraft.receiver.process_tc(replayed)
    spacecraft.operate(TC_SECOND, ACTIVATE)
    ground.operate(TC_SECOND, ACTIVATE)
    up(ground, spacecraft)
    for end in (spacecraft, ground):
        end.operate(TC_FIRST, DEACTIVATE)
    assert spacecraft.receiver.process_tc(replayed).reason is Reason.KEY_NOT_ACTIVE
    for end in (spacecraft, ground):
        end.operate(TC_FIRST, ACTIVATE)
    accepted = up(ground, spacecraft)
    assert (accepted.receipt.spi, accepted.receipt.highest) == (TC_FIRST, 1)
    assert spacecraft.receiver.process_tc(replayed).reason is Reason.REPLAYED


def test_a_telemetry_key_is_rotated_by_a_command_that_the_ground_can_take_back(make_pair):
    ground, spacecraft = make_pair()
    spacecraft.operate(TM_SECOND, ACTIVATE)
    assert down(spacecraft, ground).reason is Reason.KEY_NOT_ACTIVE
    spacecraft.operate(TM_SECOND, DEACTIVATE)
    assert isinstance(down(spacecraft, ground), Accepted)
    ground.operate(TM_SECOND, ACTIVATE)
    spacecraft.operate(TM_SECOND, ACTIVATE)
    assert down(spacecraft, ground).receipt.spi == TM_SECOND
    ground.operate(TM_FIRST, DEACTIVATE)
    spacecraft.operate(TM_FIRST, DEACTIVATE)
    assert isinstance(down(spacecraft, ground), Accepted)


def test_a_ground_whose_store_was_restored_commands_under_the_spare(make_pair):
    ground, spacecraft = make_pair()
    up(ground, spacecraft)
    disk = ground._store._disk
    disk.remove("keys.state")
    restored = Security(type(ground._store).open(disk, "keys"))
    restored.operate(TC_SPARE, ACTIVATE)
    assert up(restored, spacecraft).receipt.spi == TC_SPARE


def test_operations_and_windows_survive_a_restart(make_pair):
    ground, spacecraft = make_pair()
    frame = spacecraft.sender.protect_tm(TmFrame(0x2A, 0, 0, 0, 0, bytes(60)))
    ground.receiver.process_tm(frame)
    ground.operate(TC_SECOND, ACTIVATE)
    ground.remember()
    again = Security(type(ground._store).open(ground._store._disk, "keys"))
    assert again.receiver.process_tm(frame).reason is Reason.REPLAYED
    assert {key.association.spi for key in again.keys if key.sends} == {TC_SECOND, 9}


def test_a_key_destroyed_at_either_end_is_of_no_use(make_pair):
    ground, spacecraft = make_pair()
    with pytest.raises(MisuseError, match="expected a key that one can destroy, found active"):
        spacecraft.operate(TC_SPARE, DESTROY)
    up(ground, spacecraft)
    spacecraft.operate(TC_SPARE, DEACTIVATE)
    spacecraft.operate(TC_SPARE, DESTROY)
    with pytest.raises(MisuseError, match="found destroyed"):
        spacecraft.operate(TC_SPARE, ACTIVATE)
    ground.operate(TC_SPARE, ACTIVATE)
    assert up(ground, spacecraft).reason is Reason.KEY_NOT_ACTIVE


def test_a_restore_is_no_operation_that_one_can_ask_for(make_pair):
    ground, _ = make_pair()
    with pytest.raises(MisuseError, match="does by itself"):
        ground.operate(TC_FIRST, KeyOperation.RESTORE)


def test_an_end_tells_what_it_protects_and_how_its_keys_are(make_pair):
    ground, spacecraft = make_pair()
    up(ground, spacecraft)
    assert ground.protects(Link.TM, 2) and not ground.protects(Link.TM, 7)
    assert (ground.overhead_octets(Link.TM, 2), ground.overhead_octets(Link.TM, 7)) == (30, 0)
    sending = [key for key in ground.keys if key.sends]
    assert [key.association.channel for key in sending] == [(Link.TC, 0), (Link.TC, 1)]
    assert (sending[0].reserved, sending[0].highest) == (RESERVED_FRAMES, -1)
    assert spacecraft.keys[0].highest == 0
    assert spacecraft.counts == {"protected": 0, "accepted": 1, "refused": 0}


def test_control_commands_and_channels_without_keys_are_not_protected(make_pair):
    ground, spacecraft = make_pair()
    with pytest.raises(MisuseError, match="found a control command"):
        ground.sender.protect_tc(TcFrame(TcFrameKind.BC, 0x2A, 0, 0, UNLOCK))
    with pytest.raises(MisuseError, match="expected a key that sends on tm channel 7"):
        spacecraft.sender.protect_tm(TmFrame(0x2A, 7, 0, 0, 0, bytes(10)))
    with pytest.raises(MisuseError, match="expected a key that sends on tc channel 0"):
        spacecraft.sender.protect_tc(tc())


def test_a_frame_too_long_to_be_protected_is_refused(make_pair):
    ground, _ = make_pair()
    assert len(ground.sender.protect_tc(tc(bytes(1017 - 30))).encode()) == 1024
    with pytest.raises(MisuseError, match="octets of data"):
        ground.sender.protect_tc(tc(bytes(1017 - 29)))


def test_n_s_of_an_ad_frame_is_never_under_the_mask(make_pair):
    ground, _ = make_pair(mask=HeaderMask.WHOLE_HEADER)
    with pytest.raises(MisuseError, match="whose mask covers N"):
        ground.sender.protect_tc(tc(kind=TcFrameKind.AD))


def test_cop_1_numbers_protected_frames_and_a_retransmission_overtaken_by_bypass_frames_is_accepted(make_pair):
    ground, spacecraft = make_pair()
    fop = Fop(FopConfig(spacecraft_id=0x2A, virtual_channel=0, t1_initial_ns=1000, transmission_limit=3))
    farm = Farm(FarmConfig(virtual_channel=0))
    fop.contact(True, 0)
    fop.directive(Directive.INITIATE_WITH_CLCW_CHECK, 0)
    fop.receive(Clcw.decode(farm.clcw().encode()), 0)

    def send(data, service, now_ns):
        kind = TcFrameKind.AD if service is Service.AD else TcFrameKind.BD
        fop.transfer(ground.sender.protect_tc(tc(data, kind)).data, service, data, now_ns)
        return fop.transmit(now_ns)

    def receive(frame):
        verdict = farm.receive(TcFrame.decode(frame.encode()))
        assert verdict.outcome is FarmOutcome.DELIVERED
        return spacecraft.receiver.process_tc(frame).frame.data

    lost = send(b"first", Service.AD, 1)
    assert lost.data != b"first"
    assert [receive(send(b"bypass", Service.BD, 2)) for _ in range(40)] == [b"bypass"] * 40
    fop.advance(5_000)
    again = fop.transmit(5_000)
    assert again == lost
    assert receive(again) == b"first"
    # FARM-1 lets a forged N(S) through; behind it the counter says that the frame was here before.
    forged = TcFrame(TcFrameKind.AD, 0x2A, 0, farm.expected_sequence, lost.data)
    assert farm.receive(forged).outcome is FarmOutcome.DELIVERED
    assert spacecraft.receiver.process_tc(forged).reason is Reason.REPLAYED

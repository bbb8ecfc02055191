"""COP-1 between the real spacecraft and the real station while either end reboots and an attacker forges frames.

What the attacker does, and what must come of it: `hil.tabletop.attacked_sky`. The long count: `tools.bench.cop1`.
"""

import contextlib
import random
from dataclasses import replace

import pytest

from ccsds.tc_frame import UNLOCK, TcFrameKind, set_vr
from ground.cop_keeper import recovery_bound_ns
from ground.events import CommandIssued, CopAlert, CopInitialised, Stage
from hil.tabletop.attacked_sky import BOUND_S, PROFILE, STEP_NS, AttackedSky
from hil.tabletop.operator import NS_PER_S


def expect_recovery(sky):
    assert sky.recover() <= BOUND_S
    assert sky.faults() == []


@pytest.fixture
def make_sky(tmp_path):
    with contextlib.ExitStack() as held:

        def make(seed, security):
            sky = AttackedSky(tmp_path, seed, random.Random(seed), security)
            held.callback(sky.close)
            sky.run(2)
            assert sky.is_in_step()
            return sky

        yield make


@pytest.fixture(params=["none", "keys"])
def sky(make_sky, request):
    return make_sky(0, request.param)


@pytest.mark.parametrize("count", [1, 5, 250, 255])
def test_after_a_reboot_of_the_spacecraft_the_pair_is_in_step_again(sky, count):
    # With 250 and 255 commands before, FARM-1's new V(R) = 0 falls inside the window of those on their way.
    for _ in range(count):
        command_id = sky.command()
        sky.run(10, lambda command_id=command_id: sky.stage(command_id) is Stage.COMPLETED)
    for _ in range(10):
        sky.command()
    sky.run(0.15)
    sky.boot_spacecraft()
    expect_recovery(sky)
    given = [event for event in sky.of(CommandIssued) if not event.is_automatic]
    assert len(given) == count + 11
    assert all(sky.stage(event.command_id) is Stage.COMPLETED for event in given)
    executed = sky.executed()
    assert all(executed[event.source_id, event.sequence_count] == 1 for event in given)


def test_a_reboot_with_nothing_on_its_way_is_an_alert_and_a_new_beginning(sky):
    command_id = sky.command()
    sky.run(5, lambda: sky.stage(command_id) is Stage.COMPLETED)
    sky.events.clear()
    sky.boot_spacecraft()
    sky.run(5)
    assert [type(event) for event in sky.events if isinstance(event, CopAlert | CopInitialised)] == [
        CopAlert,
        CopInitialised,
    ]
    expect_recovery(sky)


def test_after_a_reboot_of_the_station_the_pair_is_in_step_again(sky):
    for _ in range(5):
        sky.command()
    sky.run(0.15)
    sky.boot_station()
    expect_recovery(sky)


def test_a_long_loss_of_signal_costs_no_try_and_the_same_frames_go_on(sky):
    numbers = [sky.command() for _ in range(5)]
    sky.run(0.1)
    sky.up.clear()
    sky.station.contact(False, sky.now_ns)
    sky.down.clear()
    sky.now_ns += 11 * 3600 * NS_PER_S
    sky.station.contact(True, sky.now_ns)
    expect_recovery(sky)
    assert all(sky.stage(number) is Stage.COMPLETED for number in numbers)
    assert sky.of(CopAlert) == []


@pytest.mark.parametrize("kind", [UNLOCK, set_vr(0), set_vr(1), set_vr(16), set_vr(200)], ids=bytes.hex)
def test_one_forged_control_command_while_commands_are_on_their_way(sky, kind):
    numbers = [sky.command() for _ in range(10)]
    sky.run(0.15)
    sky.send(sky.attacker.forge_up(TcFrameKind.BC, 0, kind))
    expect_recovery(sky)
    sky.run(30)
    assert [sky.stage(number) for number in numbers] == [Stage.COMPLETED] * 10


@pytest.mark.parametrize("report_value", [0, 3, 9, 10, 11, 255])
@pytest.mark.parametrize("flags", [{}, {"lockout": True}, {"retransmit": True}, {"retransmit": True, "wait": True}])
def test_one_forged_clcw_while_commands_are_on_their_way(sky, report_value, flags):
    numbers = [sky.command() for _ in range(10)]
    sky.run(0.5)
    if sky.keys:
        sky.run(5, lambda: bool(sky.down))
        sky.change_clcw(report_value, **flags)
    else:
        sky.forge_down(report_value, flags)
    expect_recovery(sky)
    sky.run(30)
    assert [sky.stage(number) for number in numbers] == [Stage.COMPLETED] * 10


def test_with_keys_an_invented_clcw_changes_nothing(make_sky):
    sky = make_sky(0, "keys")
    numbers = [sky.command() for _ in range(10)]
    while sky.stage(numbers[-1]) is not Stage.COMPLETED:
        sky.forge_down(sky.chance.randrange(256), {"lockout": True})
        sky.run(STEP_NS / NS_PER_S)
        assert sky.now_ns < 10 * NS_PER_S
    assert sky.of(CopAlert) == []


@pytest.mark.parametrize("security", ["none", "keys"])
@pytest.mark.parametrize("seed", range(12))
def test_after_a_flood_of_forgeries_losses_and_reboots_commanding_is_there_within_the_bound(make_sky, seed, security):
    sky = make_sky(seed, security)
    sky.flood()
    assert len(sky.of(CopAlert)) > 3
    expect_recovery(sky)


def test_the_bound_grows_with_the_link(sky):
    slower = replace(PROFILE, round_trip_ns=10 * PROFILE.round_trip_ns)
    assert recovery_bound_ns(slower) > recovery_bound_ns(PROFILE) > PROFILE.t1_initial_ns

"""Passes, fades and reboots in virtual time: what is sent when, what is lost, and what an end knows when it is back."""

import json
import time

import pytest
from click.testing import CliRunner

from ground.archive.history import History
from ground.events import Stage
from hil.__main__ import main
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World
from mission.beacon import decode_beacon

NS_PER_S = 1_000_000_000

TEXT = """
name = "passes"
duration_s = DURATION
[spacecraft]
corpora = []
[link]
profile = "serial"
up = { delay_s = DELAYLOSS }
down = { delay_s = DELAYLOSS }
KEYS
[[procedure]]
command = "test.connection"
REPORTS
[[procedure]]
wait_s = 150
[[procedure]]
label = "later"
command = "test.connection"
[[procedure]]
wait_s = 1e6
"""


REPORTS = """
[[procedure]]
command = "housekeeping.enable"
arguments = { structures = [1] }
"""


def scenario_of(keys, duration_s=1000, loss="", delay_s=0.1, reports=REPORTS):
    text = TEXT
    words = {"DURATION": duration_s, "KEYS": keys, "LOSS": loss, "DELAY": delay_s, "REPORTS": reports}
    for word, given in words.items():
        text = text.replace(word, str(given))
    return parse_scenario(text, "passes")


def fly(folder, keys, seed=1, duration_s=1000, loss="", delay_s=0.1, reports=REPORTS):
    """Run a scenario to the end of its time: its last step is longer."""
    prepare_folder(folder, force=False)
    world = World(scenario_of(keys, duration_s, loss, delay_s, reports), seed, folder, {}, lambda source, event: None)
    return world, world.run()


def events(folder, kind, source=None):
    logged = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [each for each in logged if each["type"] == kind and source in (None, each["source"])]


def seconds(found):
    return [each["time_ns"] / NS_PER_S for each in found]


TWO_PASSES = "".join(f"[[link.passes]]\nat_s = {at_s}\nduration_s = 60\n" for at_s in (100, 500))


def listen(world):
    """Note what leaves on each line: the second, and the octets."""
    sent = {"up": [], "down": []}
    for name, line in (("up", world.up), ("down", world.down)):

        def send(data, now_ns, name=name, send=line.send):
            sent[name].append((now_ns / NS_PER_S, bytes(data)))
            send(data, now_ns)

        line.send = send
    return sent


def is_in_a_pass(second):
    return 100 <= second <= 160 or 500 <= second <= 560


def test_outside_of_passes_only_beacons_are_sent_and_nothing_arrives(tmp_path):
    prepare_folder(tmp_path / "run", force=False)
    world = World(scenario_of(TWO_PASSES), 1, tmp_path / "run", {}, lambda source, event: None)
    sent = listen(world)
    world.run()
    both = [second for line in sent.values() for second, _ in line]
    assert len([each for each in both if 100 <= each <= 160]) > 60
    assert len([each for each in both if 500 <= each <= 560]) > 60
    assert [second for second, _ in sent["up"] if not is_in_a_pass(second)] == []
    lonely = [data for second, data in sent["down"] if not is_in_a_pass(second)]
    # One at each whole five minutes without contact: at 300 s, 600 s and 900 s.
    assert len(lonely) == 3
    assert all("NOMINAL" in decode_beacon(data.strip()) for data in lonely)
    heard = seconds(events(tmp_path / "run", "HousekeepingReceived"))
    assert heard
    assert all(is_in_a_pass(each) for each in heard)
    assert not events(tmp_path / "run", "BeaconHeard")


def test_octets_on_their_way_at_the_end_of_a_pass_are_lost(tmp_path):
    # Nothing is on the line in a second and a half before the end but what is not there yet.
    prepare_folder(tmp_path / "run", force=False)
    world = World(scenario_of(TWO_PASSES, delay_s=1.5), 1, tmp_path / "run", {}, lambda source, event: None)
    sent = listen(world)["down"]
    world.run()
    lost = events(tmp_path / "run", "OctetsLost", "link.down")
    first, second, third = [len(data) for at_s, data in sent if not is_in_a_pass(at_s)]
    assert [each["count"] for each in lost] == [259 + first, 259 + second + third]
    assert 160 <= lost[0]["start_ns"] / NS_PER_S <= 161.5
    assert 560 <= lost[1]["start_ns"] / NS_PER_S <= 561.5


def test_a_command_that_waited_for_contact_is_executed_in_the_first_pass(tmp_path):
    world, evidence = fly(tmp_path / "run", TWO_PASSES)
    stages = evidence.commands[1]["stages"]
    assert stages[0][:2] == (0, "QUEUED")
    assert 100 < next(each[0] for each in stages if each[1] == "COMPLETED") < 110
    assert world.procedure.failures == []


def test_a_day_with_four_passes_leaps_over_its_gaps(tmp_path):
    keys = "[[link.passes]]\nat_s = 0\nduration_s = 20\nevery_s = 21600\ncount = 4\n"
    begun_s = time.monotonic()
    world, _ = fly(tmp_path / "run", keys, duration_s=86_400, reports="")
    assert time.monotonic() - begun_s < 10
    assert world.now_ns == 86_400 * NS_PER_S
    told = events(tmp_path / "run", "ContactChanged", "hil")
    assert seconds(told) == [0, 20, 21600, 21620, 43200, 43220, 64800, 64820]
    # The station hears it within a second of each pass, and knows that it is gone.
    links = events(tmp_path / "run", "LinkChanged", "station")
    assert [each["state"] for each in links] == ["UP", "DOWN"] * 4


def test_equal_seeds_give_equal_events_through_passes_fades_and_reboots(tmp_path):
    keys = (
        TWO_PASSES
        + '[[faults]]\nkind = "reboot_spacecraft"\nat_s = 120\n[[faults]]\nkind = "reboot_station"\nat_s = 520\n'
    )
    for name in ("a", "b"):
        fly(tmp_path / name, keys, loss=", frame_loss = 0.1, frame_loss_burst = 3")
    assert events(tmp_path / "a", "OctetsFaded")
    for name in ("events.jsonl", "uplink.bin", "downlink.bin"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_rebooted_spacecraft_counts_its_boot_and_commanding_goes_on(tmp_path):
    _, evidence = fly(
        tmp_path / "run", '[[faults]]\nkind = "reboot_spacecraft"\nat_s = 100\ndown_s = 40\n', duration_s=200
    )
    assert evidence.housekeeping["core"]["boot_count"] == 2
    assert seconds(events(tmp_path / "run", "FaultStruck", "hil")) == [100]
    boots = [each for each in events(tmp_path / "run", "Announced", "spacecraft") if each["name"] == "booted"]
    assert seconds(boots) == [0, 140]
    silence = [each for each in events(tmp_path / "run", "LinkChanged", "station")]
    assert [each["state"] for each in silence] == ["UP", "DOWN", "UP"]
    # It goes on with what was commanded before, and answers what is commanded now.
    given = [command for command in evidence.commands.values() if command["name"] != "storage.confirm"]
    assert [command["stages"][-1][1] for command in given] == ["COMPLETED"] * 3
    assert given[2]["stages"][-1][0] > 150
    assert set(evidence.executed.values()) == {1}


def test_a_rebooted_station_goes_on_as_its_archive_has_it(tmp_path):
    _, evidence = fly(
        tmp_path / "run", '[[faults]]\nkind = "reboot_station"\nat_s = 100\ndown_s = 40\n', duration_s=200
    )
    given = [command for command in evidence.commands.values() if command["name"] != "storage.confirm"]
    assert [command["stages"][-1][1] for command in given] == ["COMPLETED"] * 3
    issued = events(tmp_path / "run", "CommandIssued", "station")
    before = [each for each in issued if each["time_ns"] < 100 * NS_PER_S]
    after = [each for each in issued if each["time_ns"] > 140 * NS_PER_S]
    # A station that was killed takes a new source identifier, so that its counts may begin anew.
    assert {each["source_id"] for each in before}.isdisjoint({each["source_id"] for each in after})
    assert after[0]["sequence_count"] == 0
    assert [each["command_id"] for each in issued] == list(range(1, len(issued) + 1))
    history = History.open(tmp_path / "run" / "archive.sqlite")
    ended = [command.stage for command in history.commands() if command.name != "storage.confirm"]
    assert ended == [Stage.COMPLETED] * 3
    history.close()


def test_keys_go_on_over_reboots_of_both_ends(tmp_path):
    faults = '[[faults]]\nkind = "reboot_spacecraft"\nat_s = 50\n[[faults]]\nkind = "reboot_station"\nat_s = 110\n'
    fly(tmp_path / "run", faults, duration_s=200)
    heard = seconds(events(tmp_path / "run", "HousekeepingReceived", "station"))
    assert [each for each in heard if 80 < each < 110]
    assert [each for each in heard if each > 145]
    refused = [each for each in events(tmp_path / "run", "FrameRejected", "station") if "SDLS" in each["reason"]]
    assert refused == []


def test_real_time_refuses_what_only_virtual_time_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fault = '[[faults]]\nkind = "jump_clock"\njump_s = 1\nat_s = 1\n'
    (tmp_path / "s.toml").write_text(f'name = "x"\nduration_s = 9\n[[procedure]]\nwait_s = 1\n{fault}')
    result = CliRunner().invoke(main, ["run", "s.toml", "--mode", "pty", "--out", "o"])
    assert result.exit_code == 2
    assert "faults[0].kind: expected kill_worker or hang_worker or" in result.output
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("cut_s", [None, 100])
def test_what_was_received_before_a_reboot_of_the_station_is_refused_after_it(tmp_path, cut_s):
    fault = "" if cut_s is None else f'[[faults]]\nkind = "reboot_station"\nat_s = {cut_s}\n'
    prepare_folder(tmp_path / "run", force=False)
    world = World(scenario_of(fault, 200), 1, tmp_path / "run", {}, lambda source, event: None)
    heard = []

    def send(data, now_ns, send=world.down.send):
        if now_ns < 95 * NS_PER_S:
            heard.append(data)
        elif now_ns > 140 * NS_PER_S and heard:
            # An attacker who listened in the first pass says all of it again.
            data = heard.pop(0)
        send(data, now_ns)

    world.down.send = send
    world.run()
    refused = [each["reason"] for each in events(tmp_path / "run", "FrameRejected", "station")]
    assert any("replayed" in reason or "behind" in reason for reason in refused)
    assert not [each for each in events(tmp_path / "run", "HousekeepingReceived") if each["time_ns"] > 141 * NS_PER_S]


def test_a_pass_that_begins_while_a_beacon_leaves_begins_once_it_has_left(tmp_path):
    def fly(name, begins_s):
        passes = f"[{{ at_s = 20, duration_s = 60 }}, {{ at_s = {begins_s}, duration_s = 60 }}]"
        text = f'name = "beacon"\nduration_s = 600\n[link]\nprofile = "uhf"\npasses = {passes}\n'
        text += '[[procedure]]\ncommand = "test.connection"\n[[procedure]]\nwait_until_s = 500\n'
        (tmp_path / name).mkdir()
        world = World(parse_scenario(text, "beacon"), 1, tmp_path / name, {}, lambda source, event: None)
        sent_ns, send = [], world.down.send
        world.down.send = lambda data, now_ns: (sent_ns.append(now_ns), send(data, now_ns))
        world.run()
        assert world.procedure.is_done
        return sent_ns

    beacon_s = next(time_ns for time_ns in fly("without", 500) if time_ns > 81e9) / 1e9
    # A beacon takes some 40 ms; the frame that is due when contact comes waits for its end.
    sent_ns = fly("with", beacon_s + 0.01)
    assert any(0.03e9 < time_ns - beacon_s * 1e9 < 0.1e9 for time_ns in sent_ns)

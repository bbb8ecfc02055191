"""Virtual time: a core is called when it says so, and asked for octets when its line falls free; time never stands."""

import pytest

from flight.spacecraft import Spacecraft
from hil.scenario.scenario import parse_scenario
from hil.world import StalledError, World

TEXT = """
name = "thin"
duration_s = 600
spacecraft = { corpora = [], files = [{ name = "long.bin", octets = 20000 }] }
[link]
profile = "uhf"
security = "none"
passes = [{ at_s = PASS, duration_s = 150 }]
[[procedure]]
command = "file.send"
arguments = { name = "long.bin" }
[[procedure]]
command = "scrub.start"
[[procedure]]
command = "directory.make"
arguments = { name = "made" }
[[procedure]]
wait_s = 20
"""


def world_of(folder, pass_s=0):
    return World(parse_scenario(TEXT.replace("PASS", str(pass_s)), "x"), 1, folder, {}, lambda source, event: None)


def test_what_is_due_while_a_frame_leaves_is_done_at_its_time(tmp_path):
    world = world_of(tmp_path)
    turns, due = [], []

    def look():
        turns.append(world.now_ns)
        deadline_ns = world.spacecraft.next_deadline()
        if deadline_ns is not None and deadline_ns <= world.now_ns < world.down.free_at_ns:
            due.append(len(turns))
        return False

    world.begin()
    world.go_on(is_enough=look)
    world.finish()
    world.close()
    assert world.procedure.is_done and due
    assert [turns[at] - turns[at - 1] for at in due] == [0] * len(due)


# A beacon leaves at 300 s, and takes some 80 ms at this rate.
@pytest.mark.parametrize("pass_s", [299.999, 300.0, 300.001, 300.02, 300.05, 300.1])
def test_time_goes_on_when_contact_comes_while_a_beacon_leaves(tmp_path, pass_s):
    world = world_of(tmp_path, pass_s)
    world.run()
    assert world.procedure.is_done


def test_a_core_that_asks_for_a_time_that_it_does_not_use_is_found_out(tmp_path, monkeypatch):
    world = world_of(tmp_path)
    monkeypatch.setattr(Spacecraft, "next_deadline", lambda self: 5)
    with pytest.raises(StalledError, match=r"expected time to go on from \d+ ns, found 10001 turns there"):
        world.run()

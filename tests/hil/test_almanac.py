"""The almanac: instants by name and place, the spacecraft told of them, and commands released at them on board."""

import json

import pytest

from ccsds.errors import MisuseError
from hil.almanac import EVENTS_A_KIND_MAX, INSTANTS, Almanac, event_number, is_instant
from hil.faults.instants import CONTACT_INSTANTS, ORBIT_INSTANTS
from hil.link.contact_plan import ContactPlan, Pass
from hil.scenario.scenario import parse_scenario
from hil.world import World

NS_PER_S = 1_000_000_000

ORBIT = """
name = "almanac"
duration_s = 14000
spacecraft = { corpora = [] }
[link]
profile = "sband"
security = "none"
[orbit]
name = "sso_500"
[[stations]]
name = "svalbard_78"
"""


def fly(folder, procedure):
    scenario = parse_scenario(ORBIT + procedure, "x")
    world = World(scenario, 1, folder, {}, lambda source, event: None)
    evidence = world.run()
    logged = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return world, evidence, logged


def test_numbers_of_kinds_are_apart_and_fit_their_field():
    assert INSTANTS == (*CONTACT_INSTANTS, *ORBIT_INSTANTS)
    numbers = [event_number(name, place) for name in INSTANTS for place in (1, EVENTS_A_KIND_MAX)]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
    assert 1 <= numbers[0] and numbers[-1] < 1 << 16


def test_contact_alone_has_an_almanac():
    almanac = Almanac(ContactPlan([Pass(0, 10), Pass(50, 70)]), tai_offset_ns=1_000)
    assert [almanac.next_ns("aos", now_ns) for now_ns in (-1, 0, 49, 50)] == [0, 50, 50, None]
    assert [almanac.next_ns("los", now_ns) for now_ns in (0, 10, 70)] == [10, 70, None]
    assert almanac.next_ns("eclipse_entry", 0) is None
    told = almanac.events(["los", "aos"], 0, 50)
    assert told == [
        {"orbit_event": event_number("los", 1), "time": 1_010},
        {"orbit_event": event_number("aos", 2), "time": 1_050},
    ]
    assert [almanac.densest(["aos", "los"], span_ns) for span_ns in (5, 10, 20, 60, 100)] == [1, 2, 2, 3, 4]


@pytest.mark.parametrize("when", ["aos+90s", "los", "event7-30s", "2027-03-01T12:00:00Z"])
def test_what_is_no_instant_by_its_place_stays_as_it_is(when):
    assert not is_instant(when)
    assert Almanac(ContactPlan()).on_board(when) == when


def test_an_instant_that_the_mission_has_not_is_refused():
    almanac = Almanac(ContactPlan([Pass(0, 10)]))
    assert almanac.on_board("los1-5s") == f"event{event_number('los', 1)}-5s"
    for when in ("los0", "los2"):
        with pytest.raises(MisuseError, match=f"expected los1 to los1, which the mission has, found {when}"):
            almanac.on_board(when)


def test_the_ground_waits_for_what_the_orbit_brings(tmp_path):
    procedure = "".join(f'[[procedure]]\nwait_for_instant = "{name}"\n' for name in ("eclipse_exit", "aos", "los"))
    world, evidence, _ = fly(tmp_path, procedure)
    assert world.procedure.is_done
    (left_s, *_) = [span.end_s for span in evidence.spans if span.kind == "eclipse" and span.end_s > 0]
    aos_s = next(start_s for start_s, _ in evidence.contacts if start_s > left_s)
    los_s = next(end_s for _, end_s in evidence.contacts if end_s is not None and end_s > aos_s)
    assert world.now_ns == pytest.approx((los_s + 10) * NS_PER_S, abs=2)


def test_a_command_is_released_on_board_at_an_eclipse_that_the_spacecraft_was_told_of(tmp_path):
    procedure = """
    [[procedure]]
    command = "schedule.enable"
    [[procedure]]
    send_orbit_events = { events = ["eclipse_entry", "eclipse_exit"], ahead_s = 12000 }
    [[procedure]]
    command = "directory.make"
    arguments = { name = "dawn" }
    release = "eclipse_exit2+30s"
    [[procedure]]
    command = "directory.make"
    arguments = { name = "dusk" }
    release = "eclipse_entry2-30s"
    [[procedure]]
    wait_for_instant = "eclipse_exit"
    [[procedure]]
    wait_for_instant = "eclipse_exit"
    [[procedure]]
    wait_for_instant = "aos"
    [[procedure]]
    wait_s = 60
    """
    world, evidence, logged = fly(tmp_path, procedure)
    assert world.procedure.is_done and not world.procedure.failures
    exits_s, entries_s = (
        [value for span in evidence.spans if span.kind == "eclipse" and (value := getattr(span, edge)) > 0]
        for edge in ("end_s", "start_s")
    )
    made_s = [
        event["time_ns"] / NS_PER_S
        for event in logged
        if event["type"] == "CommandAnswered" and event["name"] == "directory.make"
    ]
    assert made_s == [pytest.approx(entries_s[1] - 30, abs=0.01), pytest.approx(exits_s[1] + 30, abs=0.01)]
    assert all((tmp_path / "store" / "files" / name).is_dir() for name in ("dawn", "dusk"))


STEP = "[[procedure]]\n"
ALL = ", ".join(f'"{name}"' for name in INSTANTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            STEP + 'command = "test.connection"\nrelease = "eclipse_exit70+30s"',
            "procedure[0].release: expected eclipse_exit1 to eclipse_exit15, which the mission has, found",
        ),
        (
            STEP + 'command = "test.connection"\nrelease = "dawn"',
            "procedure[0].release: TIME: expected a UTC time such",
        ),
        (
            STEP + 'wait_s = 1\nrelease = "los"',
            "procedure[0].release: expected it beside `command` alone, found `wait_s`",
        ),
        (STEP + 'wait_for_instant = "noon"', "procedure[0].wait_for_instant: invalid enum value 'noon'"),
        (
            STEP + "send_orbit_events = { events = [], ahead_s = 1 }",
            "procedure[0].send_orbit_events.events: expected `array` of length >= 1",
        ),
        (
            f"{STEP}send_orbit_events = {{ events = [{ALL}], ahead_s = 86400 }}",
            "procedure[0].send_orbit_events.ahead_s: expected at most 64 events in it, as a command holds, found",
        ),
    ],
)
def test_steps_that_hang_on_no_instant_get_one_line(text, message):
    with pytest.raises(MisuseError) as caught:
        parse_scenario(ORBIT.replace("14000", "86400") + text, "x.toml")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_without_contact_that_comes_and_goes_nobody_waits_for_it():
    with pytest.raises(MisuseError, match="wait_for_instant: expected one that the mission has, found aos"):
        parse_scenario('name = "x"\nprocedure = [{ wait_for_instant = "aos" }]', "x")


@pytest.mark.parametrize(
    "step",
    [
        f'command = "test.connection"\nrelease = "aos{EVENTS_A_KIND_MAX + 1}"',
        'send_orbit_events = { events = ["aos"], ahead_s = 1000 }',
    ],
)
def test_an_event_beyond_the_numbers_of_its_kind_is_refused_rather_than_taken_for_another(step):
    passes = f"[[link.passes]]\nat_s = 10\nduration_s = 5\nevery_s = 100\ncount = {EVENTS_A_KIND_MAX + 1}\n"
    text = f'name = "x"\nduration_s = {100 * (EVENTS_A_KIND_MAX + 2)}\n{passes}{STEP}{step}'
    with pytest.raises(MisuseError, match=f"expected at most aos{EVENTS_A_KIND_MAX}, as far as numbers go on board"):
        parse_scenario(text, "x")
    with pytest.raises(MisuseError):
        event_number("aos", EVENTS_A_KIND_MAX + 1)


def test_what_comes_after_the_end_of_a_mission_is_not_in_it():
    plan = ContactPlan([Pass(10 * NS_PER_S, 20 * NS_PER_S), Pass(90 * NS_PER_S, 120 * NS_PER_S)])
    almanac = Almanac(plan, duration_s=100)
    assert [len(almanac.times_ns[name]) for name in ("aos", "los")] == [2, 1]
    assert almanac.next_ns("los", 20 * NS_PER_S) is None


@pytest.mark.parametrize(("begin_s", "waits", "is_fit"), [(10, 1, True), (10, 2, False), (0, 1, False)])
def test_nobody_waits_for_an_instant_more_often_than_it_comes(begin_s, waits, is_fit):
    text = f'name = "x"\nduration_s = 100\n[[link.passes]]\nat_s = {begin_s}\nduration_s = 5\n'
    text += '[[procedure]]\nwait_for_instant = "aos"\n' * waits
    if is_fit:
        parse_scenario(text, "x")
        return
    with pytest.raises(MisuseError, match=rf"procedure\[{waits - 1}\]\.wait_for_instant: expected"):
        parse_scenario(text, "x")

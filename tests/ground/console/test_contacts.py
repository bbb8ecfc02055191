"""Contacts that were had, and the passes that are expected."""

import pytest

from ccsds.errors import MisuseError
from ground.console.contacts import Contacts
from ground.events import CommandStaged, FrameReceived, FramesMissed, LinkChanged, LinkState, Stage
from ground.pass_plan import read_pass_plan

PLAN = """
[[pass]]
station = "svalbard"
begin = 2027-03-01T12:00:00Z
end = 2027-03-01T12:10:00Z
elevation_deg = 43
plan = ["bring the weights of job 3 down"]

[[pass]]
station = "punta arenas"
begin = 2027-03-01T08:00:00-03:00
end = 2027-03-01T11:05:00Z
"""

NOON_NS = 1_803_902_400_000_000_000


def link(state: LinkState) -> LinkChanged:
    return LinkChanged(time_ns=0, state=state)


def test_what_comes_while_the_spacecraft_is_heard_is_of_that_contact():
    contacts = Contacts()
    frame = FrameReceived(time_ns=0, virtual_channel=0, corrected=0, octets=bytes(10))
    contacts.note(frame, 1)
    contacts.note(link(LinkState.UP), 2)
    contacts.note(frame, 3)
    contacts.note(FramesMissed(time_ns=0, virtual_channel=0, count=4), 3)
    done = CommandStaged(time_ns=0, command_id=1, name="x", sequence_count=0, stage=Stage.COMPLETED, attempt=1)
    contacts.note(done, 4)
    contacts.note(link(LinkState.DOWN), 5)
    contacts.note(frame, 6)
    contacts.note(link(LinkState.UP), 7)
    second, first = contacts
    assert (first.begin_unix_ns, first.end_unix_ns, first.frames, first.octets) == (2, 5, 1, 10)
    assert (first.frames_missed, first.commands_completed) == (4, 1)
    assert (second.begin_unix_ns, second.end_unix_ns, second.frames) == (7, None, 0)


def test_a_plan_is_read_in_order_of_time(tmp_path):
    path = tmp_path / "passes.toml"
    path.write_text(PLAN)
    plan = read_pass_plan(path)
    assert [each.station for each in plan.passes] == ["punta arenas", "svalbard"]
    assert plan.passes[1].begin_unix_ns == NOON_NS
    assert plan.passes[1].plan == ("bring the weights of job 3 down",)
    assert plan.current(NOON_NS) is plan.passes[1]
    assert plan.current(NOON_NS - 1) is None
    assert plan.next(NOON_NS - 1) is plan.passes[1]
    assert plan.next(NOON_NS) is None
    assert plan.current(plan.passes[1].end_unix_ns) is None


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("12:00:00Z", "12:00:00", "begin: expected a time with an offset"),
        ("12:00:00Z", "12:20:00Z", "to end after it begins"),
        ('station = "svalbard"', "", "expected station, begin, end"),
        ("elevation_deg = 43", 'elevation_deg = "high"', "elevation_deg: expected a number"),
        ("elevation_deg = 43", "azimuth = 43", "expected station, begin, end"),
        ('["bring', '[1, "bring', "plan: expected a list of text"),
        ("[[pass]]", "[pass]", "expected nothing but [[pass]], found|expected passes as TOML"),
        ("begin =", "begin", "expected passes as TOML"),
    ],
)
def test_a_plan_that_is_none_says_where_and_why(tmp_path, before, after, why):
    path = tmp_path / "passes.toml"
    path.write_text(PLAN.replace(before, after, 1))
    with pytest.raises(MisuseError) as caught:
        read_pass_plan(path)
    assert str(path) in str(caught.value)
    assert any(each in str(caught.value) for each in why.split("|"))

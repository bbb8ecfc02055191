"""Alarms rise, persist, return, are acknowledged and shelved, as the table says; shelved ones always come back."""

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ccsds.errors import MisuseError
from ground.alarms.alarms import SHELF_NS_MAX, Alarms
from ground.alarms.events import AlarmChanged, TelemetryFresh, TelemetryStale
from ground.alarms.life_cycle import TABLE, AlarmState, Level, Trigger, follow
from ground.alarms.limits import Judge, Limit
from ground.alarms.rules import parse_rules
from ground.alarms.watch import Watch
from ground.events import EventReported, HousekeepingReceived, StoredAt
from mission.definition import DICTIONARY
from mission.dictionary import Severity
from mission.housekeeping import StructureKind
from mission.modes import Mode
from mission.storage import StoreId

NS_PER_S = 1_000_000_000


def limit(**fields) -> Limit:
    return Limit(parameter="x", **fields)


def levels(judge: Judge, samples, mode: Mode | None = None) -> str:
    return "".join(judge.take(each, mode).name[0] for each in samples)


def test_a_sample_beyond_a_range_is_at_its_level():
    judge = Judge([limit(warning=(0, 10), critical=(-5, 20))])
    assert levels(judge, [5, 10, 11, 20, 21, -1, -6, 0, math.nan, 5]) == "NNWWCWCNNN"


def test_a_level_is_reached_by_n_of_the_last_m_samples_and_left_by_fewer():
    judge = Judge([limit(warning=(0, 10), count=3, of=5)])
    assert levels(judge, [11, 11, 5, 5, 11, 11, 11, 5, 5, 5]) == "NNNNWWWWWN"


def test_within_the_hysteresis_a_level_holds():
    judge = Judge([limit(warning=(0, 10), critical=(-10, 20), hysteresis=2)])
    assert levels(judge, [9, 11, 9, 8, 9, 21, 19, 18, 9, 8, -1, 1, 2]) == "NWWNNCCWWNWWN"


def test_states_have_levels_and_a_worse_range_counts():
    judge = Judge([limit(states={1: Level.WARNING, 3: Level.CRITICAL}, critical=(0, 4))])
    assert levels(judge, [0, 1, 2, 3, 5, 1.5]) == "NWNCCN"


def test_the_first_limit_that_holds_in_a_mode_counts():
    judge = Judge([limit(warning=(0, 10), modes=frozenset({Mode.COMPUTE})), limit(warning=(0, 20))])
    assert levels(judge, [15], None) == "N"
    assert levels(judge, [15], Mode.COMPUTE) == "W"
    assert levels(judge, [15], Mode.NOMINAL) == "N"


def test_a_level_stays_over_a_change_of_mode_until_enough_has_come():
    one = limit(warning=(0, 10), modes=frozenset({Mode.COMPUTE}), count=2, of=2)
    judge = Judge([one, limit(warning=(0, 20), count=2, of=2)])
    assert levels(judge, [15, 15], Mode.COMPUTE) == "NW"
    assert levels(judge, [25, 15], Mode.NOMINAL) == "WN"


def test_the_table_lets_no_operator_do_what_means_nothing():
    for state in AlarmState:
        for trigger in Trigger:
            if (state, trigger) in TABLE:
                assert follow(state, trigger) is TABLE[state, trigger]
            else:
                with pytest.raises(MisuseError, match=f"found one that is {state.value}"):
                    follow(state, trigger)


def test_every_state_is_reached_and_can_be_left_for_normal():
    reached = {AlarmState.NORMAL}
    while more := {after for (state, _), after in TABLE.items() if state in reached} - reached:
        reached |= more
    assert reached == set(AlarmState)
    leads = {AlarmState.NORMAL}
    while more := {state for (state, _), after in TABLE.items() if after in leads} - leads:
        leads |= more
    assert leads == set(AlarmState)


class Operators(RuleBasedStateMachine):
    """Samples and operators against a model that is told in sentences instead of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.alarms = Alarms({"x": (limit(warning=(0, 10), critical=(-10, 20)),)})
        self.now_ns = 0
        self.level = Level.NORMAL
        self.known = True
        """Whether somebody knows of the last time it was beyond."""
        self.until_ns: int | None = None

    @rule(value=st.sampled_from([5, 15, 25]))
    def sample(self, value: int) -> None:
        before, self.level = self.level, {5: Level.NORMAL, 15: Level.WARNING, 25: Level.CRITICAL}[value]
        if self.level > before:
            self.known = False
        self.alarms.sample("x", value, None, self.now_ns)

    @rule()
    def acknowledge(self) -> None:
        if self.until_ns is None and not self.known:
            self.alarms.acknowledge("x", "anna", self.now_ns)
            self.known = True
        else:
            with pytest.raises(MisuseError):
                self.alarms.acknowledge("x", "anna", self.now_ns)

    @rule(seconds=st.integers(1, 100))
    def shelve(self, seconds: int) -> None:
        self.until_ns = self.now_ns + seconds * NS_PER_S
        self.alarms.shelve("x", self.until_ns, "anna", self.now_ns)

    @precondition(lambda self: self.until_ns is not None)
    @rule()
    def unshelve(self) -> None:
        self.alarms.unshelve("x", "anna", self.now_ns)
        self._off_the_shelf()

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * NS_PER_S
        self.alarms.advance(self.now_ns)
        if self.until_ns is not None and self.now_ns >= self.until_ns:
            self._off_the_shelf()

    def _off_the_shelf(self) -> None:
        self.until_ns = None
        self.known = self.level is Level.NORMAL

    @invariant()
    def it_stands_where_it_should(self) -> None:
        shown = self.alarms.snapshot()
        if self.until_ns is not None:
            expected = AlarmState.SHELVED
        elif self.level is Level.NORMAL:
            expected = AlarmState.NORMAL if self.known else AlarmState.RETURNED
        else:
            expected = AlarmState.ACKNOWLEDGED if self.known else AlarmState.UNACKNOWLEDGED
        assert [each["state"] for each in shown] == ([] if expected is AlarmState.NORMAL else [expected.name])
        assert self.alarms.next_deadline() == self.until_ns


TestOperators = Operators.TestCase
TestOperators.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_what_an_operator_does_carries_their_name_and_what_makes_no_sense_is_refused():
    alarms = Alarms({"x": (limit(warning=(0, 10)),)})
    alarms.sample("x", 11, None, 5)
    alarms.acknowledge("x", "anna", 7)
    assert [str(each) for each in alarms.take_events()] == [
        "alarm x WARNING at 11: unacknowledged",
        "alarm x WARNING at 11: acknowledged by anna",
    ]
    for until_ns in (7, 7 + SHELF_NS_MAX + 1):
        with pytest.raises(MisuseError, match="shelve x: expected a time within"):
            alarms.shelve("x", until_ns, "anna", 7)
    with pytest.raises(MisuseError, match="unknown alarm 'y'"):
        alarms.acknowledge("y", "anna", 7)
    with pytest.raises(MisuseError, match="expected an alarm that is shelved, found one that is acknowledged"):
        alarms.unshelve("x", "anna", 7)
    assert alarms.snapshot()[0]["state"] == "ACKNOWLEDGED"


def test_alarms_go_on_where_they_stood():
    limits = {"x": (limit(warning=(0, 10)),), "y": (limit(warning=(0, 10)),)}
    alarms = Alarms(limits)
    alarms.sample("x", 11, None, 5)
    alarms.sample("y", 11, None, 5)
    alarms.shelve("y", 50 * NS_PER_S, "anna", 6)
    told = {each.parameter: each for each in alarms.take_events() if isinstance(each, AlarmChanged)}
    again = Alarms(limits)
    again.restore(told.values())
    assert again.snapshot() == alarms.snapshot()
    again.advance(50 * NS_PER_S)
    assert [each["state"] for each in again.snapshot()] == ["UNACKNOWLEDGED", "UNACKNOWLEDGED"]
    again.sample("x", 5, None, 60 * NS_PER_S)
    assert {each["parameter"]: each["state"] for each in again.snapshot()}["x"] == "RETURNED"


RULES = """
[[derived]]
name = "margin"
expression = "solar_power - bus_load"
[[derived]]
name = "inverse"
expression = "1 / margin"
[[limit]]
parameter = "margin"
warning = [0, 1000]
modes = ["COMPUTE"]
"""


def governor(time_ns: int, *, stored: bool = False, **values) -> HousekeepingReceived:
    return HousekeepingReceived(
        time_ns=time_ns,
        tai_ns=time_ns,
        virtual_channel=0,
        kind=StructureKind.HOUSEKEEPING,
        structure=24,
        name="governor",
        values=values,
        stored=StoredAt(StoreId.HOUSEKEEPING, 1) if stored else None,
        identity=b"12345678",
    )


def in_mode(mode: Mode) -> EventReported:
    values = {"before": Mode.SAFE, "after": mode, "cause": 1}
    where = {"time_ns": 0, "tai_ns": 0, "virtual_channel": 0}
    return EventReported(**where, severity=Severity.LOW, name="mode_changed", text="", values=values)


def test_a_derived_parameter_follows_each_of_its_inputs_and_has_limits_of_its_own():
    watch = Watch(parse_rules(RULES, "station.toml", DICTIONARY))
    watch.take([in_mode(Mode.COMPUTE), governor(1, solar_power=5.0)])
    assert watch.take_events() == []
    watch.take([governor(2, bus_load=3.0), governor(3, solar_power=1.0)])
    told = [str(each) for each in watch.take_events()]
    assert told == [
        "derived margin=2 inverse=0.5",
        "derived margin=-2 inverse=-0.5",
        "alarm margin WARNING at -2: unacknowledged",
    ]
    watch.take([governor(4, bus_load=1.0)])
    told = [str(each) for each in watch.take_events()]
    assert "derived inverse failed: station.toml: line 7: ZeroDivisionError: float division by zero" in told
    assert "derived margin=0" in told


def test_what_is_played_back_is_computed_from_itself_alone_and_alarms_nobody():
    watch = Watch(parse_rules(RULES, "station.toml", DICTIONARY))
    watch.take([in_mode(Mode.COMPUTE), governor(1, solar_power=5.0, bus_load=1.0)])
    watch.take_events()
    watch.take([governor(2, stored=True, solar_power=1.0), governor(3, stored=True, solar_power=1.0, bus_load=9.0)])
    (event,) = watch.take_events()
    assert (event.values["margin"], event.stored) == (-8.0, StoredAt(StoreId.HOUSEKEEPING, 1))
    watch.take([governor(4, bus_load=2.0)])
    assert watch.take_events()[0].values["margin"] == 3.0


def test_a_report_that_stays_away_is_stale_until_it_comes_again():
    watch = Watch(parse_rules(RULES, "station.toml", DICTIONARY))
    watch.take([governor(0, duty=1)])
    assert watch.next_deadline() == 30 * NS_PER_S
    watch.advance(30 * NS_PER_S - 1)
    assert watch.take_events() == []
    watch.advance(30 * NS_PER_S)
    assert watch.take_events() == [TelemetryStale(time_ns=30 * NS_PER_S, reports=["governor"])]
    assert watch.snapshot()["reports"]["governor"]["is_stale"]
    assert watch.next_deadline() is None
    watch.take([governor(40 * NS_PER_S, stored=True, duty=1)])
    assert watch.take_events() == []
    watch.take([governor(41 * NS_PER_S, duty=1)])
    assert watch.take_events() == [TelemetryFresh(time_ns=41 * NS_PER_S, reports=["governor"])]

"""The station's own rules: what is right is read, and what is wrong is told with file, line and reason."""

import pytest

from ccsds.errors import MisuseError
from ground.alarms.life_cycle import Level
from ground.alarms.rules import default_rules, parse_rules
from mission.definition import DICTIONARY
from mission.modes import Mode

GOOD = """
[[derived]]
name = "margin_share"
expression = "power_margin / solar_power"

[[derived]]
name = "power_margin"
expression = "solar_power - bus_load"
unit = "W"

[[limit]]
parameter = "battery_charge"
critical = [15, 100.5]
warning = [30, 100.5]
modes = ["COMPUTE"]
persistence = [3, 5]
hysteresis = 2

[[limit]]
parameter = "mode"
states = { SAFE = "critical" }

[[stale]]
report = "governor"
after_s = 60
"""


def test_limits_and_derived_parameters_are_read():
    rules = parse_rules(GOOD, "station.toml", DICTIONARY)
    assert [each.name for each in rules.derived] == ["power_margin", "margin_share"]
    assert rules.derived[0].place == "station.toml: line 8"
    own = rules.limits["battery_charge"][0]
    assert (own.warning, own.critical, own.modes) == ((30, 100.5), (15, 100.5), frozenset({Mode.COMPUTE}))
    assert (own.count, own.of, own.hysteresis) == (3, 5, 2)
    assert rules.limits["mode"][0].states == {1: Level.CRITICAL}
    assert rules.stale_after_ns["governor"] == 60 * 10**9
    assert rules.stale_after_ns["core"] == 15 * 10**9


def test_the_dictionarys_own_limits_stand_behind_those_of_the_file():
    declared = {each.name for each in DICTIONARY.parameters.values() if each.warning is not None}
    assert default_rules(DICTIONARY).limits.keys() == declared


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\na = = 3", r"station.toml: expected TOML: .*line 2"),
        ("[[limits]]", "station.toml: unknown key limits: expected one of derived, limit, stale"),
        ("limit = 3", r"station.toml: limit: expected tables \[\[limit\]\]"),
        ("\n[[limit]]\nwarning = [1, 2]", "line 2: parameter: expected a value, found none"),
        ('[[limit]]\nparameter = "no"\nwarning = [1, 2]', "line 2: parameter: expected a parameter .*found 'no'"),
        ('[[limit]]\nparameter = "uptime"', "line 1: expected warning, critical or states, found none"),
        ('[[limit]]\nparameter = "uptime"\nwarning = [2, 1]', "line 3: warning: expected a low and a higher"),
        ('[[limit]]\nparameter = "uptime"\nwarning = [nan, 1]', "line 3: warning: expected a number, found nan"),
        ('[[limit]]\nparameter = "uptime"\nwarning = 3', r"line 3: warning: expected \[low, high\], found 3"),
        ('[[limit]]\nparameter = "uptime"\nwarning = [1, 3]\nhysteresis = 1', "line 4: hysteresis: expected less than"),
        ('[[limit]]\nparameter = "uptime"\nwarning = [1, 3]\npersistence = [3, 2]', "line 4: persistence: expected"),
        ('[[limit]]\nparameter = "uptime"\nwarning = [1, 3]\nmodes = ["X"]', "line 4: modes: expected a list of SAFE"),
        ('[[limit]]\nparameter = "mode"\nstates = { NO = "warning" }', "line 3: states: expected one of SAFE"),
        ('[[limit]]\nparameter = "mode"\nstates = { SAFE = "bad" }', "line 3: states: SAFE: expected one of warning"),
        ('[[limit]]\nparameter = "uptime"\nwarnings = [1, 3]', "line 3: unknown key warnings"),
        ('[[derived]]\nname = "x"', "line 1: expression: expected a value, found none"),
        ('[[derived]]\nname = "uptime"\nexpression = "1"', "line 2: name: expected one that is not taken"),
        ('[[derived]]\nname = "X"\nexpression = "1"', "line 2: name: expected small letters"),
        ('[[derived]]\nname = "x"\n\nexpression = "uptime +"', "station.toml: x: line 4, column .*invalid syntax"),
        ('[[derived]]\nname = "x"\nexpression = 3', "line 3: expression: expected a text, found 3"),
        ('[[derived]]\nname = "x"\nexpression = "x + 1"', "line 3: x: expected an order to compute in, found a circle"),
        ('[[stale]]\nreport = "core"\nafter_s = 0', "line 3: after_s: expected more than 0 s"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_reason(text, message):
    with pytest.raises(MisuseError, match=message):
        parse_rules(text, "station.toml", DICTIONARY)

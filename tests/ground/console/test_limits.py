"""What is out of limits on the pages: by the dictionary, by the operator's rules over it, and by mode."""

import pytest

from ground.alarms.life_cycle import Level
from ground.alarms.rules import default_rules, parse_rules
from ground.console.limits import Limits
from mission.definition import DICTIONARY
from mission.modes import Mode

RULES = """
[[derived]]
name = "power_margin"
expression = "solar_power - bus_load"
unit = "W"
description = "what is left"

[[limit]]
parameter = "power_margin"
critical = [-20, 1000]

[[limit]]
parameter = "battery_charge"
warning = [50, 100]
critical = [40, 100]
modes = ["COMPUTE"]
hysteresis = 2
"""


def by_rules(mode=None):
    return Limits(parse_rules(RULES, "rules.toml", DICTIONARY), mode)


def declared_warning():
    return next(each.warning for each in DICTIONARY.parameters.values() if each.name == "battery_charge")


def test_without_rules_the_dictionarys_limits_are_shown():
    low, high = declared_warning()
    limits = Limits(default_rules(DICTIONARY), None)
    assert limits.bands_of("battery_charge") == ((Level.WARNING, (None, low)), (Level.WARNING, (high, None)))
    assert limits.text_of("battery_charge") == f"{low:g} to {high:g}"
    assert limits.class_of("battery_charge", low - 1) == "warn"


@pytest.mark.parametrize(("charge", "kind"), [(60.0, ""), (50.0, ""), (45.0, "warn"), (39.0, "alarm")])
def test_an_operators_limit_stands_in_front_of_the_dictionarys_in_its_mode(charge, kind):
    assert by_rules(Mode.COMPUTE).class_of("battery_charge", charge) == kind


def test_its_bands_are_those_of_both_levels_and_in_another_mode_the_dictionarys():
    assert by_rules(Mode.COMPUTE).bands_of("battery_charge") == (
        (Level.WARNING, (None, 50.0)),
        (Level.WARNING, (100.0, None)),
        (Level.CRITICAL, (None, 40.0)),
        (Level.CRITICAL, (100.0, None)),
    )
    assert by_rules(Mode.COMPUTE).text_of("battery_charge") == "50 to 100, 40 to 100"
    plain = Limits(default_rules(DICTIONARY), None)
    for mode in (Mode.NOMINAL, None):
        assert by_rules(mode).bands_of("battery_charge") == plain.bands_of("battery_charge")


def test_a_derived_parameter_has_unit_and_limits():
    limits = by_rules()
    assert (limits.declared("power_margin").unit, limits.declared("power_margin").description) == ("W", "what is left")
    assert limits.class_of("power_margin", -30) == "alarm"
    assert limits.bands_of("power_margin")[0] == (Level.CRITICAL, (None, -20.0))


def test_what_nobody_declared_or_is_no_number_has_none():
    assert by_rules().bands_of("made_in_flight") == ()
    assert by_rules().text_of("made_in_flight") == ""
    assert by_rules(Mode.COMPUTE).class_of("battery_charge", "text") == ""

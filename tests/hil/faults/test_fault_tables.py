"""Faults in a scenario: each kind with each trigger is right, and what makes no sense gets one line with the key."""

from typing import get_args

import pytest

from ccsds.errors import MisuseError
from hil.scenario.faults import REQUIRED, Kind
from hil.scenario.scenario import parse_scenario

SCENARIO = """
name = "x"
duration_s = 100
procedure = [{ command = "test.connection" }]
[[link.passes]]
at_s = 0
duration_s = 50
[[faults]]
"""
TRIGGERS = ("at_s = 5", "job_step = 5", "pass_number = 1\noffset_s = 3", 'event = "booted"\ncount = 2', "per_hour = 5")
VALUES = {"factor": 2, "jump_s": -5, "drift_ppm": 20}


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("kind", get_args(Kind))
def test_each_kind_can_be_brought_about_by_each_trigger(kind, trigger):
    option = f"{REQUIRED[kind]} = {VALUES[REQUIRED[kind]]}" if kind in REQUIRED else ""
    (fault,) = parse_scenario(f'{SCENARIO}kind = "{kind}"\n{trigger}\n{option}\n', "x").faults
    assert len(fault.triggers()) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("", "faults[0]: expected one of at_s, job_step, pass_number, event, per_hour, found none"),
        ("at_s = 1\njob_step = 1", "faults[0]: expected one of at_s, job_step, pass_number, event, per_hour, found at"),
        ("at_s = 101", "faults[0].at_s: expected at most duration_s = 100, found 101"),
        ("at_s = 1\ncount = 2", "faults[0].count: expected it beside event alone, found at_s"),
        ("job_step = 1\noffset_s = 2", "faults[0].offset_s: expected it beside event or pass_number alone, found"),
        ("pass_number = 2", "faults[0].pass_number: expected one of 1 passes, found 2"),
        ('event = "lunch"', "faults[0].event: expected an event of the dictionary or aos, los, eclipse_entry"),
        ('event = "eclipse_entry"', "faults[0].event: expected an orbit in the scenario for eclipse_entry, found none"),
        ("per_hour = 1\nfrom_s = 9\nuntil_s = 9", "faults[0].until_s: expected above from_s = 9, found 9"),
        ("per_hour = 0", "faults[0].per_hour: expected `float` > 0"),
        ("at_s = 1\nfactor = 2", "faults[0].factor: expected it for slow_worker alone, found reboot_spacecraft"),
        ("at_s = 1\npart = 'step'", "faults[0].part: expected it for flip alone, found reboot_spacecraft"),
        ("at_s = 1\ndisk_operation = 0", "faults[0].disk_operation: expected `int` >= 1"),
    ],
)
def test_a_fault_that_makes_no_sense_gets_one_line(fault, message):
    with pytest.raises(MisuseError) as caught:
        parse_scenario(f'{SCENARIO}kind = "reboot_spacecraft"\n{fault}\n', "x.toml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "option"), sorted(REQUIRED.items()))
def test_a_kind_without_what_it_needs_gets_one_line(kind, option):
    with pytest.raises(MisuseError, match=rf"faults\[0\].{option}: expected one for {kind}, found none"):
        parse_scenario(f'{SCENARIO}kind = "{kind}"\nat_s = 1\n', "x")

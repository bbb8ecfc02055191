"""Files across passes through the whole of both ends: a short slice of `tools.bench.passes`, which has the figures."""

import pytest

from tools.bench.passes import KIB, Case, cross, scenario_of, useful_octets_s

DOWN = Case(profile="uhf", octets=64 * KIB, pass_s=70, down_s=8, spacecraft_cut=0.5, station_cut=1.2)
UP = Case(profile="uhf", octets=64 * KIB, pass_s=50, down_s=8, spacecraft_cut=0.5, station_cut=1.2, goes_up=True)


@pytest.mark.parametrize("case", [DOWN, UP], ids=["down", "up"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_file_crosses_passes_losses_and_a_reboot_of_each_end(case, seed):
    crossing = cross(case, seed)
    assert crossing.is_equal
    assert 2 <= crossing.passes <= 3
    # Each reboot costs up to ten seconds of what was sent, which here is much of the whole.
    least_s = case.octets / useful_octets_s(case)
    assert crossing.contact_s < (least_s + 2 * 10) * 1.1


def test_the_scenario_of_a_case_takes_power_from_each_end_in_a_pass():
    scenario = scenario_of(DOWN, [10.0, 9000.0])
    assert [(fault.kind, fault.at_s) for fault in scenario.faults] == [
        ("reboot_spacecraft", 45.0),
        ("reboot_station", 9014.0),
    ]

"""The light time that an operator has told a station is what it takes from the time of each frame."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

import ground.serve
from ground.__main__ import main

LIGHT_NS = 1_250_000_000


@pytest.fixture
def config(config):
    return replace(config, light_time_ns=LIGHT_NS)


def test_a_station_that_was_told_the_light_time_asks_no_command_for_it(served, client):
    known = client.state()["onboard_time"]
    assert (known["light_ns"], known["light_source"]) == (LIGHT_NS, "given")


@pytest.mark.parametrize(("options", "expected"), [([], None), (["0"], 0), (["4500"], 4_500_000)])
def test_it_is_an_option_of_the_program(monkeypatch, options, expected):
    taken = []
    monkeypatch.setattr(ground.serve, "run", lambda config, say: taken.append(config.light_time_ns))
    given = [each for option in options for each in ("--light-time-us", option)]
    result = CliRunner().invoke(main, ["serve", "--link", "pty:", "--insecure", *given])
    assert (result.exit_code, taken) == (0, [expected]), result.output


@pytest.mark.parametrize("option", ["-1", "3600000001", "nan", "fast"])
def test_one_that_cannot_be_is_refused(option):
    result = CliRunner().invoke(main, ["serve", "--link", "pty:", "--insecure", "--light-time-us", option])
    assert result.exit_code == 2
    assert "--light-time-us" in result.output

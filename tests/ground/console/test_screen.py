"""What is expected of values on a browser's screen: also of what the archive told, which has states by their names."""

from dataclasses import replace

import pytest

pytest.importorskip("nicegui", reason="the console needs nicegui, which is missing")

from ground.access.principal import LOCAL_USER
from ground.archive.history import PacketRecord
from ground.console.console import Console
from ground.console.screen import Screen

RULES = """
[[limit]]
parameter = "battery_charge"
critical = [40, 100]
modes = ["COMPUTE"]

[[limit]]
parameter = "mode"
states = { SAFE = "critical" }
"""


@pytest.fixture
def config(config, tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return replace(config, rules_path=path)


@pytest.fixture
def screen(served, config):
    return Screen(Console(served.service.operations, config.archive_path), LOCAL_USER)


def recall(screen, mode):
    """Have the picture recall that mode, and give its class on a page."""
    record = PacketRecord(
        unix_ns=1, tai_ns=1, virtual_channel=0, service=3, subtype=25, name="core", values={"mode": mode}, octets=b"",
        generated_unix_ns=None,
    )  # fmt: skip
    screen.feed.recall_report(record, 1)
    return screen.limits().class_of("mode", screen.feed.series.latest["mode"].value)


def test_a_limit_of_one_mode_holds_for_what_was_recalled_in_that_mode(screen):
    recall(screen, "COMPUTE")
    assert screen.limits().class_of("battery_charge", 39.0) == "alarm"
    assert screen.limits().text_of("battery_charge") == "40 to 100"
    recall(screen, "NOMINAL")
    assert screen.limits().text_of("battery_charge") != "40 to 100"


@pytest.mark.parametrize(("mode", "kind"), [("SAFE", "alarm"), ("NOMINAL", ""), ("A_MODE_OF_ANOTHER_MISSION", "")])
def test_a_state_that_was_recalled_is_in_limits_or_not(screen, mode, kind):
    assert recall(screen, mode) == kind

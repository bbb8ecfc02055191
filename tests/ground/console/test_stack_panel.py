"""The stack on the console's page: it goes by what the station says of it, whatever is pressed meanwhile."""

import time

import pytest

pytest.importorskip("nicegui", reason="the console needs nicegui, which is missing")

from nicegui import ui
from nicegui.client import Client as Browser
from nicegui.page import page

from ground.access.principal import LOCAL_USER
from ground.console.console import Console
from ground.console.parts.stack import StackPanel
from ground.console.replay import Replay
from ground.console.screen import Screen
from ground.server import stacks
from tests.ground.conftest import TIMEOUT_S, complete

LINE = "test.connection"


class Panel:
    """A panel that is used on the station's own thread, and that looks only when it is told to."""

    def __init__(self, served, lines):
        self.served = served
        self.operations = served.service.operations
        self.reported = []
        self.screen = Screen(Console(self.operations, served.config.archive_path), LOCAL_USER)
        self.screen.notes["stack"] = self.stack = {"lines": list(lines), "next": 0, "sent": {}, "run": None}
        served.call(self._make)

    def _make(self):
        with Browser(page("/stack"), request=None), ui.element("div"):
            self.panel = StackPanel(self.screen, self.reported.append)

    def call(self, act, *arguments):
        self.served.call(lambda: act(*arguments))

    @property
    def said(self):
        return self.panel._said._props["content"]

    def until(self, is_so):
        """Wait until that is so of what the station says of the stack, without a look at the panel."""
        stack_id, _ = self.stack["run"]
        deadline_s = time.monotonic() + TIMEOUT_S
        while not is_so(self.operations.stacks.get(stack_id)):
            assert time.monotonic() < deadline_s
            time.sleep(0.02)


def has_ended(told):
    return told["verdict"] != "RUNNING"


def answer_first(served, count):
    """Have the spacecraft answer so many commands, and no more."""
    heard = []

    def answer(telecommand):
        heard.append(telecommand)
        return complete(telecommand) if len(heard) <= count else []

    served.spacecraft.answer = answer


def test_what_was_sent_since_the_last_look_is_not_forgotten_when_it_is_stopped(served):
    answer_first(served, 2)
    panel = Panel(served, [LINE] * 4)
    panel.call(panel.panel._toggle)
    panel.until(lambda told: len(told["sent"]) == 3)
    assert panel.stack["next"] == 1
    panel.call(panel.panel._toggle)
    assert (panel.stack["next"], panel.stack["run"]) == (3, None)
    assert panel.reported == [panel.stack["sent"][place] for place in range(3)]
    assert panel.said == "stopped: by local"


@pytest.mark.parametrize("press", ["pick", "edit", "run"])
def test_in_a_replay_it_is_not_stopped_and_runs_on(served, press):
    served.spacecraft.answer = lambda telecommand: []
    panel = Panel(served, [LINE] * 2)
    panel.call(panel.panel._toggle)
    run = panel.stack["run"]
    panel.screen.replay = Replay([], 0, 1)
    presses = {
        "pick": lambda: panel.panel._pick("0", "remove"),
        "edit": panel.panel._edit,
        "run": panel.panel._toggle,
    }
    panel.call(presses[press])
    assert (panel.stack["run"], panel.stack["next"], panel.stack["lines"]) == (run, 1, [LINE] * 2)
    assert panel.said.startswith("A replay is shown.")
    assert panel.panel._run.text == "Stop"
    assert not panel.panel._editor.visible


def test_one_that_has_ended_is_changed_without_an_alarm(served):
    panel = Panel(served, [LINE] * 2)
    panel.call(panel.panel._toggle)
    panel.until(has_ended)
    panel.call(panel.panel._pick, "1", "")
    assert (panel.stack["run"], panel.stack["next"], panel.said) == (None, 1, "")
    assert len(panel.stack["sent"]) == 2


def test_a_line_that_is_sent_again_shows_what_came_of_it_now(served):
    panel = Panel(served, [LINE] * 2)
    panel.call(panel.panel._toggle)
    panel.until(has_ended)
    panel.call(panel.panel._pick, "0", "")
    before = dict(panel.stack["sent"])
    panel.call(panel.panel._step)
    panel.until(has_ended)
    panel.call(panel.screen.look)
    assert panel.stack["sent"][0] > before[1]
    assert panel.stack["sent"][1] == before[1]
    assert panel.reported == [*before.values(), panel.stack["sent"][0]]


def test_one_that_the_station_does_not_remember_any_more_has_ended(served, monkeypatch):
    monkeypatch.setattr(stacks, "STACKS_MAX", 1)
    panel = Panel(served, [LINE])
    panel.call(panel.panel._toggle)
    panel.until(has_ended)
    stack_id, _ = panel.stack["run"]
    for _ in range(3):
        other = Panel(served, [LINE])
        other.call(other.panel._toggle)
        other.until(has_ended)
    panel.call(panel.screen.look)
    assert panel.stack["run"] is None
    assert panel.said == f"unknown stack number {stack_id}"
    assert panel.panel._run.text == "Run"

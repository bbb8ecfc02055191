"""What a run shows on the terminal: what operators do, not the station's own household."""

from io import StringIO

from rich.console import Console

from hil.run.display import Display
from hil.scenario.scenario import load_scenario


def issued(command_id, name, is_automatic):
    return {"type": "CommandIssued", "command_id": command_id, "name": name, "is_automatic": is_automatic, "time_ns": 0}


def staged(command_id, name):
    return {
        "type": "CommandStaged",
        "command_id": command_id,
        "name": name,
        "stage": "COMPLETED",
        "attempt": 1,
        "text": "",
        "time_ns": 0,
    }


def test_automatic_commands_are_not_shown():
    out = StringIO()
    with Display(Console(file=out, width=200), load_scenario("first_light")) as display:
        for command_id, name, is_automatic in ((1, "job.submit", False), (2, "storage.confirm", True)):
            display.watch("station", issued(command_id, name, is_automatic))
            display.watch("station", staged(command_id, name))
    assert "job.submit" in out.getvalue()
    assert "storage.confirm" not in out.getvalue()
